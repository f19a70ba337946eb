// The arithmetic of the lecture, and nothing else: no page, no service, no network. A map is
// {rows, columns, values}, its values row by row. As in every CNN, a kernel is not turned round:
// what is called convolution is a sliding dot product.

/** A map of rows of numbers. */
export function mapOf(lines) {
  return { rows: lines.length, columns: lines[0].length, values: Float64Array.from(lines.flat()) };
}

/** Its rows again. */
export function linesOf({ rows, columns, values }) {
  return Array.from({ length: rows }, (_, row) => [...values.slice(row * columns, (row + 1) * columns)]);
}

/** How many steps a filter takes along one side: O = ⌊(N − F + 2P) / S⌋ + 1.
 *
 * @param size N, kernel F, padding P on either side, stride S.
 * @returns {output, dropped}: dropped cells at the end, padding among them, are read by no window;
 *   or {error}: which of the numbers makes no sense, or 'fit' where the filter is too large.
 */
export function outputSize({ size, kernel, padding, stride }) {
  const error = refusal({ size, kernel, padding, stride });
  if (error) return { error };
  const room = size - kernel + 2 * padding;
  return { output: Math.floor(room / stride) + 1, dropped: room % stride };
}

function refusal({ size, kernel, padding, stride }) {
  const least = (value, limit) => Number.isInteger(value) && value >= limit;
  if (!least(size, 1)) return 'size';
  if (!least(kernel, 1)) return 'kernel';
  if (!least(padding, 0)) return 'padding';
  if (!least(stride, 1)) return 'stride';
  return kernel > size + 2 * padding ? 'fit' : null;
}

/** A map with that many rows and columns of 0 around it. */
export function pad(map, padding) {
  const [rows, columns] = [map.rows + 2 * padding, map.columns + 2 * padding];
  const values = new Float64Array(rows * columns);
  for (let row = 0; row < map.rows; row++) {
    const line = map.values.slice(row * map.columns, (row + 1) * map.columns);
    values.set(line, (row + padding) * columns + padding);
  }
  return { rows, columns, values };
}

/** The piece of a map under a window, as rows. */
export function patchAt(map, { top, left, height, width }) {
  return Array.from({ length: height }, (_, row) => {
    const from = (top + row) * map.columns + left;
    return [...map.values.slice(from, from + width)];
  });
}

/** patch × kernel, place by place. */
export function multiply(patch, kernel) {
  return patch.map((line, row) => line.map((value, column) => value * kernel[row][column]));
}

export function sum(lines) {
  return lines.flat().reduce((total, value) => total + value, 0);
}

/** One map under one kernel (a map too). */
export function convolve(map, kernel, options = {}) {
  return convolveChannels([map], [kernel], options);
}

/** Several channels under a kernel that is as deep: products of all channels, and the bias, added up. */
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

/** max(0, y) of every cell. */
export function relu(map) {
  return { ...map, values: Float64Array.from(map.values, (value) => Math.max(0, value)) };
}

/** Max or average pooling.
 *
 * @param kind 'max' or 'average'.
 * @returns a map; of max pooling with `winners`, for each cell the index of the largest value.
 */
export function pool(map, { size, stride, kind }) {
  const winners = [];
  const { rows, columns } = map;
  const pooled = slide({ rows, columns, height: size, width: size, stride }, (top, left) => {
    const patch = patchAt(map, { top, left, height: size, width: size }).flat();
    if (kind === 'average') return patch.reduce((total, value) => total + value, 0) / patch.length;
    const best = patch.reduce((most, value, i) => (value > patch[most] ? i : most), 0);
    winners.push((top + Math.floor(best / size)) * columns + left + (best % size));
    return patch[best];
  });
  return kind === 'max' ? { ...pooled, winners } : pooled;
}

/** A value for each place of a window that fits, row by row. */
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

/** Parameters of a layer by who is connected to whom: each output with all inputs, with those of its
 * window by weights of its own, or with those of its window by weights that all places share.
 *
 * @param inputs, outputs [rows, columns, channels]; window [rows, columns].
 */
export function parameterCounts({ inputs, outputs, window }) {
  const product = (sizes) => sizes.reduce((total, size) => total * size, 1);
  const one = product(window) * inputs[2] + 1; // weights of one filter at one place, and its bias
  return {
    full: (product(inputs) + 1) * product(outputs),
    local: one * product(outputs),
    shared: one * outputs[2],
  };
}
