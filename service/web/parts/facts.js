import { el } from '../lib/dom.js';
import { t } from '../lib/i18n.js';

/** Show a layer's name, kind, shape, window, activation and parameters; null stands for the digit. */
export function facts(network, layer) {
  if (!layer) {
    const { height, width, channels } = network.input;
    return [el('h3', {}, t('input')), el('p', {}, t('input.kind')), soft(shape([height, width, channels]))];
  }
  return [
    el('h3', {}, ...breakable(layer.name)),
    el('p', {}, t(layer.kind.label)),
    ...lines(layer).map(soft),
  ];
}

function lines(layer) {
  const texts = [shape(layer.outputShape)];
  if (layer.kernelSize) {
    texts.push(
      t('facts.window', { size: shape(layer.kernelSize), strides: strides(layer) }),
      t(`padding.${layer.padding}`),
    );
  }
  if (layer.activation !== 'linear') texts.push(layer.activation);
  texts.push(
    layer.parameters
      ? t('facts.parameters', { count: layer.parameters.toLocaleString('en') })
      : t('facts.none'),
  );
  return texts;
}

/** Return a name that can break into another line after each underscore. */
function breakable(name) {
  return name.split(/(?<=_)/).flatMap((part, i) => (i ? [el('wbr'), part] : [part]));
}

const soft = (line) => el('p', { class: 'soft' }, line);
const shape = (sizes) => sizes.join(' × ');
const strides = ({ strides: [down, across] }) => (down === across ? String(down) : `${down} × ${across}`);
