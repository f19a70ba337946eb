// What exhibits take of the network that is served.

/** The picture of a digit as the first layer gets it: 0 paper, 1 ink; of several channels the first.
 * Where there is no digit, paper of the network's size.
 */
export function inkOf(digit, { height, width } = digit) {
  if (!digit) return { rows: height, columns: width, values: new Float64Array(height * width) };
  const { pixels, channels } = digit;
  const values = Float64Array.from({ length: height * width }, (_, i) =>
    Math.fround(pixels[i * channels] / 255),
  );
  return { rows: height, columns: width, values };
}

/** The filters of the first layer, as far as they can be shown on one map: of a convolution of one
 * channel that takes every step.
 */
export function firstFilters(network, tensors) {
  const [layer] = network.layers;
  const plain =
    layer.isConvolution &&
    layer.inputShape.at(-1) === 1 &&
    layer.padding === 'valid' &&
    layer.strides.every((stride) => stride === 1);
  if (!plain) return [];
  return Array.from({ length: layer.channels }, (_, filter) => ({
    name: layer.name,
    kernel: kernelOf(layer, tensors, filter, 0),
    bias: tensors[`${layer.name}/bias`].values[filter],
    filter,
  }));
}

/** One slice of a filter: its weights for one input channel. */
export function kernelOf(layer, tensors, filter, channel) {
  const [rows, columns] = layer.kernelSize;
  const { values } = tensors[`${layer.name}/kernel`]; // (rows, columns, inputs, filters)
  const inputs = layer.inputShape.at(-1);
  const own = Float64Array.from(
    { length: rows * columns },
    (_, place) => values[(place * inputs + channel) * layer.channels + filter],
  );
  return { rows, columns, values: own };
}

/** One channel of a layer's values as a map. */
export function channelOf(layer, values, stage, channel) {
  const all = values.of(layer, stage);
  const own = Float64Array.from(
    { length: layer.rows * layer.columns },
    (_, i) => all[i * layer.channels + channel],
  );
  return { rows: layer.rows, columns: layer.columns, values: own };
}
