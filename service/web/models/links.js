// The lines between layers: which channels contribute most to the strongest channels of a layer.

import { intensities } from './pixels.js';

const CHANNELS = 8; // the strongest channels of a layer, which get lines
const LINES_PER_CHANNEL = 3;

/** Return [{from, to, amount}] from channels of the layer before (or of the digit) to channels of a
 * layer. `amount` is the exact contribution of the channel before to the channel's strongest cell.
 *
 * @param context {network, values, digit, weights}
 */
export function linksTo(layer, context) {
  return strongestCells(layer, context.values).flatMap((cell) => linksToCell(layer, cell, context));
}

/** Return the links of one channel: those to its strongest cell, and those from it to the strongest
 * cells of the layer after it.
 */
export function linksOf(layer, channel, context) {
  const { network, values } = context;
  const after = layer ? network.after(layer) : network.layers[0];
  const inputs = layer ? linksToCell(layer, values.strongest(layer, channel), context) : [];
  const outputs = after ? linksFrom(channel, after, context) : [];
  return { inputs, outputs };
}

function linksFrom(channel, after, context) {
  const links = Array.from({ length: after.channels }, (_, to) => to).flatMap((to) => {
    const cell = context.values.strongest(after, to);
    if (after.kind.hasWeights) {
      return [{ from: channel, to, amount: contributions(after, cell, context)[channel] }];
    }
    const source = after.kind.reads(after, cell).channel;
    return source === channel ? [{ from: channel, to, amount: context.values.at(cell) }] : [];
  });
  return strongestOf(links, LINES_PER_CHANNEL * 2);
}

/** Return the links of one cell, the largest contributions to it. */
export function linksToCell(layer, cell, context) {
  if (!layer.kind.hasWeights) {
    const amount = context.values.at(cell);
    return amount ? [{ from: layer.kind.reads(layer, cell).channel, to: cell.channel, amount }] : [];
  }
  const links = [...contributions(layer, cell, context)].map((amount, from) => ({
    from,
    to: cell.channel,
    amount,
  }));
  return strongestOf(links, LINES_PER_CHANNEL);
}

function strongestOf(links, count) {
  return links
    .filter(({ amount }) => amount)
    .sort((a, b) => Math.abs(b.amount) - Math.abs(a.amount))
    .slice(0, count);
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
function contributions(layer, cell, { network, values, digit, weights }) {
  const before = network.before(layer);
  const inputs = before ? values.of(before) : intensities(digit);
  const kernel = weights.of(layer, 'kernel'); // (…window, channels, outputs)
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
