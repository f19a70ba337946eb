// The explanation of a cell from the values and weights that the page has, in the fields of the
// service's response to /explain that the page shows (service/model/explain).

import { DIGIT } from '../models/network.js';
import { intensities } from '../models/pixels.js';
import { paddingOf } from './windows.js';

/** Explain one cell of a layer.
 *
 * @param context {network, values, digit, weights}: the weights that the values were computed with.
 * @param top how many terms to list, those with the largest contributions; null for all.
 */
export function explainCell(cell, { network, values, digit, weights }, top = null) {
  const layer = network.find(cell.layer);
  const before = network.before(layer);
  const inputs = before ? values.of(before) : intensities(digit);
  const index = layer.index(cell);
  const explain = FAMILIES[layer.kind.family];
  const fields = explain({ layer, cell, before: before?.name ?? DIGIT, inputs, weights, top, network });
  const value = values.of(layer, 'pre')[index];
  return {
    kind: layer.kind.name,
    cell,
    input: before?.name ?? DIGIT,
    activation: layer.activation,
    value,
    post: values.of(layer)[index],
    softmax: layer.activation === 'softmax' ? softmaxOf(values.of(layer, 'pre')) : null,
    ...fields,
    pre: fields.pre ?? value,
  };
}

const FAMILIES = { convolution: ofConvolution, pooling: ofPooling, copy: ofCopy, dense: ofDense };

function ofConvolution({ layer, cell, inputs, weights }) {
  const window = windowOf(layer, cell);
  const [height, width, channels] = layer.inputShape;
  const [kernelRows, kernelColumns] = layer.kernelSize;
  const kernel = weights.of(layer, 'kernel');
  const grid = (each) =>
    Array.from({ length: kernelRows }, (_, r) => Array.from({ length: kernelColumns }, (__, c) => each(r, c)));
  const terms = Array.from({ length: channels }, (_, channel) => {
    const patch = grid((r, c) => {
      const [row, column] = [window.top + r, window.left + c];
      const isInside = row >= 0 && column >= 0 && row < height && column < width;
      return isInside ? inputs[(row * width + column) * channels + channel] : 0;
    });
    const weight = (r, c) => kernel[((r * kernelColumns + c) * channels + channel) * layer.channels + cell.channel];
    const products = grid((r, c) => patch[r][c] * weight(r, c));
    return { channel, patch, kernel: grid(weight), products, contribution: total(products.flat()) };
  });
  const bias = weights.of(layer, 'bias')?.[cell.channel] ?? 0;
  const pre = total(terms.map(({ contribution }) => contribution)) + bias;
  return { window, terms, count: channels, rest: 0, bias, pre };
}

function ofPooling({ layer, cell, before, inputs }) {
  const window = windowOf(layer, cell);
  const { top, left, height, width } = window.inside;
  const [, columns, channels] = layer.inputShape;
  const at = (row, column) => inputs[(row * columns + column) * channels + cell.channel];
  const patch = Array.from({ length: height }, (_, r) =>
    Array.from({ length: width }, (__, c) => at(top + r, left + c)),
  );
  const flat = patch.flat();
  const best = flat.indexOf(Math.max(...flat));
  const winner = {
    layer: before,
    channel: cell.channel,
    row: top + Math.floor(best / width),
    column: left + (best % width),
  };
  const dropped = droppedBy(layer);
  if (layer.kind.keepsLargest) return { window, patch, winner, pre: flat[best], ...dropped };
  return { window, patch, count: flat.length, pre: total(flat) / flat.length, ...dropped };
}

function ofCopy({ layer, cell, before }) {
  const { channel, region } = layer.kind.reads(layer, cell);
  return { source: sourceCell(before, channel, region) };
}

function ofDense({ layer, cell, inputs, weights, top, network }) {
  const kernel = weights.of(layer, 'kernel');
  const terms = Array.from(inputs, (value, index) => {
    const weight = kernel[index * layer.channels + cell.channel];
    return { source: unitOf(network, network.before(layer), index), value, weight, contribution: value * weight, index };
  });
  const bias = weights.of(layer, 'bias')?.[cell.channel] ?? 0;
  terms.sort((a, b) => Math.abs(b.contribution) - Math.abs(a.contribution) || a.index - b.index);
  const listed = top === null ? terms : terms.slice(0, top);
  const rest = total(terms.slice(listed.length).map(({ contribution }) => contribution));
  const pre = total(listed.map(({ contribution }) => contribution)) + rest + bias;
  return { terms: listed, count: terms.length, rest, bias, pre };
}

/** Return the cell that a unit is: behind a Flatten, the cell that it is a copy of, as in the service. */
function unitOf(network, layer, channel) {
  if (layer?.kind.family !== 'copy') return { layer: layer?.name ?? DIGIT, channel };
  const { channel: source, region } = layer.kind.reads(layer, { channel });
  const before = network.before(layer);
  if (!region) return unitOf(network, before, source);
  return sourceCell(before?.name ?? DIGIT, source, region);
}

/** Return a cell's window, which begins in the padding where there is some, and its part inside. */
function windowOf(layer, cell) {
  const { top, left } = paddingOf(layer);
  const [down, across] = layer.strides;
  const [height, width] = layer.kernelSize;
  const corner = { top: cell.row * down - top, left: cell.column * across - left };
  return { ...corner, height, width, inside: layer.window(cell) };
}

/** Return the rows and columns at the end of the layer before that no window reads. */
function droppedBy(layer) {
  const last = layer.window({ row: layer.rows - 1, column: layer.columns - 1 });
  const from = (start, end) => Array.from({ length: Math.max(end - start, 0) }, (_, i) => start + i);
  return {
    dropped_rows: from(last.top + last.height, layer.inputShape[0]),
    dropped_columns: from(last.left + last.width, layer.inputShape[1]),
  };
}

function sourceCell(layer, channel, region) {
  return region ? { layer, channel, row: region.top, column: region.left } : { layer, channel };
}

function softmaxOf(values) {
  const logits = Array.from(values);
  const maximum = Math.max(...logits);
  const exponentials = logits.map((logit) => Math.exp(logit - maximum));
  return { logits, maximum, exponentials, sum: total(exponentials) };
}

const total = (numbers) => numbers.reduce((sum, number) => sum + number, 0);
