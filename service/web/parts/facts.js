import { el } from '../lib/dom.js';
import { t } from '../lib/i18n.js';

/** Show a layer's name, kind, window, shape, activation and parameters; null stands for the digit. */
export function facts(network, layer) {
  if (!layer) {
    const { height, width, channels } = network.input;
    return [el('h3', {}, t('input')), el('p', {}, t('input.kind')), soft(shape([height, width, channels]))];
  }
  const { activation, parameters, outputShape, kernelSize } = layer;
  const count = parameters ? t('facts.parameters', { count: parameters.toLocaleString('en') }) : t('facts.none');
  return [
    el('h3', { title: `${layer.name}: ${kind(layer)}` }, ...breakable(layer.name)),
    el('p', { class: 'kind', title: kernelSize ? t('facts.window', windowOf(layer)) : null }, kind(layer)),
    el(
      'p',
      { class: 'soft', title: count },
      activation === 'linear' ? shape(outputShape) : `${shape(outputShape)} · ${activation}`,
    ),
  ];
}

const kind = ({ kind: { label }, kernelSize }) => (kernelSize ? `${t(label)} ${shape(kernelSize)}` : t(label));

function windowOf({ kernelSize, strides, padding }) {
  const [down, across] = strides;
  return {
    size: shape(kernelSize),
    strides: down === across ? String(down) : `${down} × ${across}`,
    padding: t(`padding.${padding}`),
  };
}

/** Return a name that can break into another line after each underscore. */
function breakable(name) {
  return name.split(/(?<=_)/).flatMap((part, i) => (i ? [el('wbr'), part] : [part]));
}

const soft = (line) => el('p', { class: 'soft' }, line);
const shape = (sizes) => sizes.join(' × ');
