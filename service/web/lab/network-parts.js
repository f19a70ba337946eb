// Maps and kernels of the served network, for the exhibits.

import { channelValues } from '../lib/math.js';
import { intensity } from '../models/pixels.js';

/** Return the first channel of a digit as a map of intensities, 0 background, 1 stroke; without a
 * digit, an empty map of the network's input size.
 */
export function digitMap(digit, { height, width } = digit) {
  if (!digit) return { rows: height, columns: width, values: new Float64Array(height * width) };
  const values = channelValues(digit.pixels, digit.channels, 0).map(intensity);
  return { rows: height, columns: width, values };
}

/** Whether a layer is a convolution without padding and with strides of 1, as in the lecture. */
export function isPlainConvolution({ kind, padding, strides }) {
  return kind.family === 'convolution' && padding === 'valid' && strides.every((stride) => stride === 1);
}

/** Return the filters of the first layer if one map shows them: those of a plain convolution with
 * one input channel. Else return no filters.
 */
export function firstFilters(network, tensors) {
  const [layer] = network.layers;
  if (!isPlainConvolution(layer) || layer.inputShape.at(-1) !== 1) return [];
  return Array.from({ length: layer.channels }, (_, filter) => ({
    name: layer.name,
    kernel: kernelOf(layer, tensors, filter, 0),
    bias: tensors[`${layer.name}/bias`].values[filter],
    filter,
  }));
}

/** Return one slice of a filter, its weights for one input channel, as a map. */
export function kernelOf(layer, tensors, filter, channel) {
  const [rows, columns] = layer.kernelSize;
  const { values } = tensors[`${layer.name}/kernel`]; // (rows, columns, inputs, filters)
  const filters = layer.channels;
  const slices = layer.inputShape.at(-1) * filters;
  return { rows, columns, values: channelValues(values, slices, channel * filters + filter) };
}

/** Return one channel of a layer's values as a map. */
export function channelOf(layer, values, stage, channel) {
  const { rows, columns, channels } = layer;
  return { rows, columns, values: channelValues(values.of(layer, stage), channels, channel) };
}
