// Every kind of layer that the page shows, each defined in one place. Sizes, strides, padding and
// receptive fields are not part of a kind, because the manifest states them for each layer.
//
// A kind has
//   label         the key of its name in the message catalogues
//   family        which of TERM_VIEWS (parts/inspector.js) lists the terms of its explanation
//   hasWeights    whether a value is a weighted sum of inputs plus a bias
//   keepsLargest  whether a value is the largest one of its window
//   termLimit     how many terms are requested first, the others as one sum; null for all
//   reads         (layer, cell) → {channel, region} of the layer before that the cell is computed
//                 from; channel null for all channels, region null for the whole map
//   value         (explanation) → the value computed again from the explanation's terms
//   operation     (explanation) → [message key, values] that names the computation

import { multiply, sum } from '../lib/math.js';
import { cellRegion } from './region.js';

const convolution = {
  family: 'convolution',
  hasWeights: true,
  keepsLargest: false,
  termLimit: null,
  reads: (layer, cell) => ({ channel: null, region: layer.window(cell) }),
  value: ({ terms, bias }) =>
    sum(terms.map(({ patch, kernel }) => sum(multiply(patch, kernel).flat()))) + bias,
  operation: ({ terms }) => ['sum.channels', { count: terms.length }],
};

const pooling = {
  family: 'pooling',
  hasWeights: false,
  keepsLargest: false,
  termLimit: null,
  reads: (layer, cell) => ({ channel: cell.channel, region: layer.window(cell) }),
};

const dense = {
  family: 'dense',
  hasWeights: true,
  keepsLargest: false,
  termLimit: 64,
  reads: () => ({ channel: null, region: null }),
  value: ({ terms, bias, rest }) => sum(terms.map(({ value, weight }) => value * weight)) + rest + bias,
  operation: () => ['sum.inputs'],
};

/** A copy has the values of the layer before in another shape. */
const copy = {
  family: 'copy',
  hasWeights: false,
  keepsLargest: false,
  termLimit: null,
  reads: readFlattened,
  value: ({ pre }) => pre,
  operation: () => ['sum.copy'],
};

const KINDS = {
  Conv2D: { ...convolution, label: 'kind.Conv2D' },
  MaxPooling2D: {
    ...pooling,
    label: 'kind.MaxPooling2D',
    keepsLargest: true,
    value: ({ patch }) => Math.max(...patch.flat()),
    operation: ({ patch }) => ['sum.max', { count: patch.flat().length }],
  },
  AveragePooling2D: {
    ...pooling,
    label: 'kind.AveragePooling2D',
    value: ({ patch, count }) => sum(patch.flat()) / count,
    operation: ({ patch }) => ['sum.mean', { count: patch.flat().length }],
  },
  Flatten: { ...copy, label: 'kind.Flatten' },
  Dense: { ...dense, label: 'kind.Dense' },
};

export const KIND_NAMES = Object.keys(KINDS);

/** Return the kind of that Keras class name, with its `name`; raise RangeError where there is none. */
export function kindOf(name) {
  if (Object.hasOwn(KINDS, name)) return { name, ...KINDS[name] };
  throw new RangeError(
    `Unknown layer kind "${name}"; this page shows ${KIND_NAMES.join(', ')}. ` +
      'Define it in service/web/models/kinds.js.',
  );
}

/** Return the one cell that a flattened unit is a copy of. */
function readFlattened({ inputShape }, { channel }) {
  if (inputShape.length === 1) return { channel, region: null };
  const [, columns, channels] = inputShape;
  const place = Math.floor(channel / channels);
  return { channel: channel % channels, region: cellRegion(Math.floor(place / columns), place % columns) };
}
