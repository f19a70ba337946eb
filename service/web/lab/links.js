// Which values of a layer made its strongest channels: the lines between the layers.

const STRONGEST = 8; // channels of a layer that lines lead to
const LARGEST = 3; // lines to each

/** [{from, to, amount}] from channels of the layer before (0 of the digit) to channels of a layer.
 * `amount` is what the channel before adds at the strongest cell: exact, never drawn for show.
 */
export function linksTo(layer, { network, values, digit, tensors }) {
  const before = network.before(layer);
  const read = before ? values.of(before) : Float32Array.from(digit.pixels, (byte) => byte / 255);
  const cells = strongestCells(layer, values);
  switch (layer.kind) {
    case 'Conv2D':
    case 'Dense':
      return cells.flatMap((cell) => largest(contributions(layer, cell, read, tensors), cell.channel));
    case 'Flatten':
      return cells.map(({ channel, value }) => ({
        from: channel % layer.inputShape.at(-1),
        to: channel,
        amount: value,
      }));
    default: // pooling: each channel from its own
      return cells.map(({ channel, value }) => ({ from: channel, to: channel, amount: value }));
  }
}

function strongestCells(layer, values) {
  const all = values.of(layer);
  return Array.from({ length: layer.channels }, (_, channel) => values.strongest(layer, channel))
    .map((cell) => ({ ...cell, value: all[layer.index(cell)] }))
    .filter(({ value }) => value)
    .sort((a, b) => Math.abs(b.value) - Math.abs(a.value))
    .slice(0, STRONGEST);
}

/** What each channel (of a flat layer before: each unit) adds to a cell. */
function contributions(layer, cell, read, tensors) {
  const { values: kernel } = tensors[`${layer.name}/kernel`]; // (…window, inputs, outputs)
  const inputs = layer.inputShape.at(-1);
  const sums = new Float64Array(inputs);
  if (layer.kind === 'Dense') {
    return sums.map((_, i) => read[i] * kernel[i * layer.channels + cell.channel]);
  }
  const [, columns] = layer.inputShape;
  const { top, left, height, width } = layer.window(cell);
  const [, across] = layer.kernelSize;
  const { top: skipped, left: passed } = layer.cut(cell); // rows and columns of the window in the padding
  for (let r = 0; r < height; r++) {
    for (let c = 0; c < width; c++) {
      const place = (skipped + r) * across + passed + c;
      for (let i = 0; i < inputs; i++) {
        const value = read[((top + r) * columns + left + c) * inputs + i];
        sums[i] += value * kernel[(place * inputs + i) * layer.channels + cell.channel];
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
    .slice(0, LARGEST);
}
