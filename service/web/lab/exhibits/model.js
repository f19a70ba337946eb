import { el, number } from '../../lib/dom.js';
import { percent } from '../../lib/numbers.js';
import { hasText, t } from '../../lib/i18n.js';
import { settingEntries } from '../recipes.js';

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
      ...(manifest.training ? training(manifest.training) : []),
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
    el('caption', {}, t('lab.model.caption', manifest)),
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
  const activation = layer.activation === 'linear' ? '' : activationName(layer.activation);
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

/** Return the name of an activation function; most have the name that Keras uses. */
function activationName(name) {
  const text = `lab.activation.${name}`;
  return hasText(text) ? t(text) : name;
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

function facts({ created, metrics, libraries, sha256 }) {
  const entries = [
    ['created', created.slice(0, 10)],
    [
      'accuracy',
      metrics?.accuracy === undefined
        ? null
        : t('lab.model.measured', {
            accuracy: percent(metrics.accuracy),
            count: metrics.digits.toLocaleString('en'),
          }),
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

/** Create the settings of the training, each with its name. */
const training = (settings) => [
  el('h3', {}, t('lab.model.training')),
  el('dl', { class: 'facts settings' }, ...settingEntries(settings)),
];
