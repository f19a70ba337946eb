// The lines between layers: which channels contribute most to the strongest channels of a layer.

import { intensities } from '../models/pixels.js';

const CHANNELS = 8; // the strongest channels of a layer, which get lines
const LINES_PER_CHANNEL = 3;

/** Return [{from, to, amount}] from channels of the layer before (or of the digit) to the strongest
 * channels of a layer. `amount` is the exact contribution of the channel before to the channel's
 * strongest cell.
 */
export function linksTo(layer, context) {
  return strongestCells(layer, context.values).flatMap((cell) => linksToCell(layer, cell, context));
}

/** Return the links of one cell. */
export function linksToCell(layer, cell, { network, values, digit, tensors }) {
  const before = network.before(layer);
  const inputs = before ? values.of(before) : intensities(digit);
  if (layer.kind.hasWeights) return largest(contributions(layer, cell, inputs, tensors), cell.channel);
  return [{ from: layer.kind.reads(layer, cell).channel, to: cell.channel, amount: values.at(cell) }];
}

function strongestCells(layer, values) {
  const all = values.of(layer);
  return Array.from({ length: layer.channels }, (_, channel) => values.strongest(layer, channel))
    .map((cell) => ({ ...cell, value: all[layer.index(cell)] }))
    .filter(({ value }) => value)
    .sort((a, b) => Math.abs(b.value) - Math.abs(a.value))
    .slice(0, CHANNELS);
}

/** Return the contribution of each channel, or of each unit of a flat layer before, to a cell. */
function contributions(layer, cell, inputs, tensors) {
  const { values: kernel } = tensors[`${layer.name}/kernel`]; // (…window, channels, outputs)
  const channels = layer.inputShape.at(-1);
  const sums = new Float64Array(channels);
  const window = layer.window(cell);
  if (!window) return sums.map((_, i) => inputs[i] * kernel[i * layer.channels + cell.channel]);
  const columns = layer.inputShape[1];
  const kernelColumns = layer.kernelSize[1];
  const padding = layer.paddingBefore(cell);
  for (let r = 0; r < window.height; r++) {
    for (let c = 0; c < window.width; c++) {
      const place = (padding.top + r) * kernelColumns + padding.left + c;
      for (let i = 0; i < channels; i++) {
        const value = inputs[((window.top + r) * columns + window.left + c) * channels + i];
        sums[i] += value * kernel[(place * channels + i) * layer.channels + cell.channel];
      }
    }
  }
  return sums;
}

function largest(amounts, to) {
  return [...amounts]
    .map((amount, from) => ({ from, to, amount }))
    .filter(({ amount }) => amount)
    .sort((a, b) => Math.abs(b.amount) - Math.abs(a.amount))
    .slice(0, LINES_PER_CHANNEL);
}
