import { el, number } from '../../lib/dom.js';
import { percent } from '../../lib/numbers.js';
import { known, t } from '../../lib/i18n.js';

/** The lecture's summary table, from the manifest, with how each parameter count is worked out. */
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
  const kind = known(`kind.${layer.kind}`) ? t(`kind.${layer.kind}`) : layer.kind;
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
      el('span', { class: 'soft' }, kind === layer.kind ? kind : `${layer.kind} · ${kind}`),
    ),
    el('td', {}, `(None, ${layer.outputShape.join(', ')})`),
    count(layer.parameters, 'parameters'),
    el('td', { class: 'worked' }, workedOut(layer)),
    el('td', { class: 'soft' }, [window, activation].filter(Boolean).join(' · ')),
  );
}

/** (3·3·1 + 1)·32 = 320: a weight for each number that a filter or unit reads, and a bias. */
function workedOut({ kind, kernelSize, inputShape, channels, parameters }) {
  const read = { Conv2D: [...(kernelSize ?? []), inputShape.at(-1)], Dense: inputShape }[kind];
  if (!read) return '';
  const worked = (read.reduce((product, size) => product * size, 1) + 1) * channels;
  if (worked !== parameters) return ''; // a layer without biases, or of another make
  return `(${read.join('·')} + 1)·${channels} = ${worked.toLocaleString('en')}`;
}

const count = (value, role) => el('td', {}, number(value, value.toLocaleString('en'), { 'data-role': role }));

/** A setting of another make of training goes by the name that it has there. */
function settingName(key) {
  const text = `lab.model.training.${key}`;
  return known(text) ? t(text) : key;
}

/** A setting as it was given, a number that was worked out without its noise. */
const plain = (value) => (typeof value === 'number' ? Number(value.toPrecision(5)) : value);

function facts({ created, metrics, training, libraries, sha256 }) {
  const told = [
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
        .map(([key, value]) => `${settingName(key)} ${plain(value)}`)
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
    ...told
      .filter(([, text]) => text)
      .flatMap(([key, text]) => [el('dt', {}, t(`lab.model.${key}`)), el('dd', {}, text)]),
  );
}
