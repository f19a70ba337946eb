import { el } from '../lib/dom.js';
import { known, t } from '../lib/i18n.js';

/** A layer's name, kind, shape, window, activation and parameters; null: the digit's. */
export function facts(network, layer) {
  if (!layer) {
    const { height, width, channels } = network.input;
    return [el('h3', {}, t('input')), el('p', {}, t('input.kind')), soft(shape([height, width, channels]))];
  }
  const kind = known(`kind.${layer.kind}`) ? t(`kind.${layer.kind}`) : layer.kind;
  return [el('h3', {}, ...breakable(layer.name)), el('p', {}, kind), ...lines(layer).map(soft)];
}

function lines(layer) {
  const told = [shape(layer.outputShape)];
  if (layer.kernelSize) {
    told.push(
      t('facts.window', { size: shape(layer.kernelSize), strides: strides(layer) }),
      t(`padding.${layer.padding}`),
    );
  }
  if (layer.activation !== 'linear') told.push(layer.activation);
  told.push(
    layer.parameters
      ? t('facts.parameters', { count: layer.parameters.toLocaleString('en') })
      : t('facts.none'),
  );
  return told;
}

/** A name that may go on in another line after each underscore. */
function breakable(name) {
  return name.split(/(?<=_)/).flatMap((part, i) => (i ? [el('wbr'), part] : [part]));
}

const soft = (line) => el('p', { class: 'soft' }, line);
const shape = (sizes) => sizes.join(' × ');
const strides = ({ strides: [down, across] }) => (down === across ? String(down) : `${down} × ${across}`);
