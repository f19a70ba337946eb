// The arithmetic of the lecture, without the page, the service or a network. A map is
// {rows, columns, values}, its values row by row. As in every CNN, a kernel is not flipped: what is
// called convolution is a cross-correlation.

import * as math from '../lib/math.js';

/** Convert rows of numbers to a map. */
export function mapOf(lines) {
  return { rows: lines.length, columns: lines[0].length, values: Float64Array.from(lines.flat()) };
}

/** Convert a map to rows of numbers. */
export function linesOf({ rows, columns, values }) {
  return Array.from({ length: rows }, (_, row) => [...values.slice(row * columns, (row + 1) * columns)]);
}

/** Compute the output size along one side: O = ⌊(N − F + 2P) / S⌋ + 1.
 *
 * @param size N, kernel F, padding P on either side, stride S.
 * @returns {output, dropped}: no window reads the `dropped` cells at the end, padding included;
 *   or {error}: the name of the invalid number, or 'fit' where the filter is too large.
 */
export function outputSize({ size, kernel, padding, stride }) {
  const error = invalidNumber({ size, kernel, padding, stride });
  if (error) return { error };
  const span = size - kernel + 2 * padding;
  return { output: Math.floor(span / stride) + 1, dropped: span % stride };
}

function invalidNumber({ size, kernel, padding, stride }) {
  const isInteger = (value, minimum) => Number.isInteger(value) && value >= minimum;
  if (!isInteger(size, 1)) return 'size';
  if (!isInteger(kernel, 1)) return 'kernel';
  if (!isInteger(padding, 0)) return 'padding';
  if (!isInteger(stride, 1)) return 'stride';
  return kernel > size + 2 * padding ? 'fit' : null;
}

/** Pad a map with rows and columns of 0 on each side. */
export function pad(map, padding) {
  const [rows, columns] = [map.rows + 2 * padding, map.columns + 2 * padding];
  const values = new Float64Array(rows * columns);
  for (let row = 0; row < map.rows; row++) {
    const line = map.values.slice(row * map.columns, (row + 1) * map.columns);
    values.set(line, (row + padding) * columns + padding);
  }
  return { rows, columns, values };
}

/** Return the part of a map under a window, as rows. */
export function patchAt(map, { top, left, height, width }) {
  return Array.from({ length: height }, (_, row) => {
    const from = (top + row) * map.columns + left;
    return [...map.values.slice(from, from + width)];
  });
}

/** Convolve one map with one kernel, which is a map too. */
export function convolve(map, kernel, options = {}) {
  return convolveChannels([map], [kernel], options);
}

/** Convolve several channels with one kernel per channel: the sum of all products and the bias. */
export function convolveChannels(maps, kernels, { stride = 1, padding = 0, bias = 0 } = {}) {
  const padded = maps.map((map) => pad(map, padding));
  const [{ rows, columns }, { rows: height, columns: width }] = [padded[0], kernels[0]];
  return slide({ rows, columns, height, width, stride }, (top, left) => {
    let total = bias;
    padded.forEach(({ values }, channel) => {
      const weights = kernels[channel].values;
      for (let r = 0; r < height; r++) {
        const from = (top + r) * columns + left;
        for (let c = 0; c < width; c++) total += values[from + c] * weights[r * width + c];
      }
    });
    return total;
  });
}

/** Apply ReLU to every cell. */
export function relu(map) {
  return { ...map, values: Float64Array.from(map.values, math.relu) };
}

/** Apply max or average pooling.
 *
 * @param kind 'max' or 'average'.
 * @returns a map; for max pooling with `winners`, the index of the largest value for each cell.
 */
export function pool(map, { size, stride, kind }) {
  const winners = [];
  const { rows, columns } = map;
  const pooled = slide({ rows, columns, height: size, width: size, stride }, (top, left) => {
    const patch = patchAt(map, { top, left, height: size, width: size }).flat();
    if (kind === 'average') return math.sum(patch) / patch.length;
    const best = patch.reduce((most, value, i) => (value > patch[most] ? i : most), 0);
    winners.push((top + Math.floor(best / size)) * columns + left + (best % size));
    return patch[best];
  });
  return kind === 'max' ? { ...pooled, winners } : pooled;
}

/** Compute a value at each place where the window fits, row by row. */
function slide({ rows, columns, height, width, stride }, valueAt) {
  const [down, across] = [
    outputSize({ size: rows, kernel: height, padding: 0, stride }),
    outputSize({ size: columns, kernel: width, padding: 0, stride }),
  ];
  const error = down.error ?? across.error;
  if (error) throw new RangeError(error);
  const values = new Float64Array(down.output * across.output);
  for (let i = 0; i < values.length; i++) {
    values[i] = valueAt(Math.floor(i / across.output) * stride, (i % across.output) * stride);
  }
  return { rows: down.output, columns: across.output, values };
}

/** Count the parameters of a layer: fully connected (`full`), locally connected with weights of its
 * own at each place (`local`), and convolutional with weights that all places share (`shared`).
 *
 * @param inputs, outputs [rows, columns, channels]; window [rows, columns].
 */
export function parameterCounts({ inputs, outputs, window }) {
  const product = (sizes) => sizes.reduce((total, size) => total * size, 1);
  const perFilter = product(window) * inputs[2] + 1; // weights of one filter at one place, and its bias
  return {
    full: (product(inputs) + 1) * product(outputs),
    local: perFilter * product(outputs),
    shared: perFilter * outputs[2],
  };
}
