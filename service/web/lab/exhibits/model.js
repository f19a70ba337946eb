import { el, number } from '../../lib/dom.js';
import { percent } from '../../lib/numbers.js';
import { hasText, t } from '../../lib/i18n.js';

/** The lecture's summary table, from the manifest, with the computation of each parameter count. */
export default class Model {
  constructor(root, { manifest, network }) {
    root.append(
      el(
        'div',
        { class: 'scroll', tabindex: 0, role: 'region', 'aria-label': t('lab.model.table') },
        table(manifest, network),
      ),
      el('p', { class: 'soft' }, t('lab.model.none')),
      el('h3', {}, t('lab.model.facts')),
      facts(manifest),
    );
  }
}

function table(manifest, network) {
  const heads = ['layer', 'shape', 'parameters', 'worked', 'window'].map((key) =>
    el('th', { scope: 'col' }, t(`lab.model.${key}`)),
  );
  return el(
    'table',
    { class: 'summary' },
    el('caption', {}, `Model: ${manifest.name}, ${t('lab.model.version', { version: manifest.version })}`),
    el('thead', {}, el('tr', {}, ...heads)),
    el('tbody', {}, ...network.layers.map(row)),
    el(
      'tfoot',
      {},
      el(
        'tr',
        {},
        el('th', { scope: 'row', colspan: 2 }, t('lab.model.total')),
        count(manifest.parameters, 'total'),
        el('td', { colspan: 2 }),
      ),
    ),
  );
}

function row(layer) {
  const { kind } = layer;
  const window = layer.kernelSize
    ? `${layer.kernelSize.join(' × ')}, ${t('lab.model.stride', { stride: layer.strides.join(' × ') })}, ${t(`padding.${layer.padding}`)}`
    : '';
  const activation = layer.activation === 'linear' ? '' : layer.activation;
  return el(
    'tr',
    { 'data-layer': layer.name },
    el(
      'th',
      { scope: 'row' },
      `${layer.name} `,
      el(
        'span',
        { class: 'soft' },
        kind.name === t(kind.label) ? kind.name : `${kind.name} · ${t(kind.label)}`,
      ),
    ),
    el('td', {}, `(None, ${layer.outputShape.join(', ')})`),
    count(layer.parameters, 'parameters'),
    el('td', { class: 'worked' }, parameterSum(layer)),
    el('td', { class: 'soft' }, [window, activation].filter(Boolean).join(' · ')),
  );
}

/** Return the computation of a parameter count, such as (3·3·1 + 1)·32 = 320: a weight for each value
 * that a filter or unit reads, and a bias. Return no text where the count is another.
 */
function parameterSum({ kind, kernelSize, inputShape, channels, parameters }) {
  if (!kind.hasWeights) return '';
  const inputs = [...(kernelSize ?? []), inputShape.at(-1)];
  const count = (inputs.reduce((product, size) => product * size, 1) + 1) * channels;
  if (count !== parameters) return ''; // A layer without biases has fewer.
  return `(${inputs.join('·')} + 1)·${channels} = ${count.toLocaleString('en')}`;
}

const count = (value, role) => el('td', {}, number(value, value.toLocaleString('en'), { 'data-role': role }));

/** Return the name of a training setting; its key where the page has no text for it. */
function settingName(key) {
  const text = `lab.model.training.${key}`;
  return hasText(text) ? t(text) : key;
}

/** Round a setting that is a number, so that it has no rounding noise. */
const rounded = (value) => (typeof value === 'number' ? Number(value.toPrecision(5)) : value);

function facts({ created, metrics, training, libraries, sha256 }) {
  const entries = [
    ['created', created.slice(0, 10)],
    [
      'accuracy',
      metrics?.accuracy === undefined
        ? null
        : `${percent(metrics.accuracy)} (${metrics.digits.toLocaleString('en')})`,
    ],
    [
      'training',
      Object.entries(training ?? {})
        .filter(([, value]) => typeof value !== 'object')
        .map(([key, value]) => `${settingName(key)} ${rounded(value)}`)
        .join(', '),
    ],
    [
      'libraries',
      Object.entries(libraries ?? {})
        .map(([name, version]) => `${name} ${version}`)
        .join(', '),
    ],
    ['sha256', sha256?.['model.keras']],
  ];
  return el(
    'dl',
    { class: 'facts' },
    ...entries
      .filter(([, text]) => text)
      .flatMap(([key, text]) => [el('dt', {}, t(`lab.model.${key}`)), el('dd', {}, text)]),
  );
}
