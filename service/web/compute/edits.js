// Changes to a network and its input, for "what if". A change is a plain object:
//
//   {kind: 'silence', layer, channel}         the channel's values become 0
//   {kind: 'scale', layer, factor}            all values of the layer are multiplied
//   {kind: 'weight', layer, index, value}     one number of the kernel
//   {kind: 'bias', layer, channel, value}     the channel's bias
//   {kind: 'pixel', index, value}             one value of the input, 0–1

export const KINDS = ['silence', 'scale', 'weight', 'bias', 'pixel'];

/** The changes that are made to a network at once; those to one place replace each other. */
export class Edits {
  #byLayer;
  #pixels;

  constructor(changes) {
    const unknown = changes.find(({ kind }) => !KINDS.includes(kind));
    if (unknown) throw new RangeError(`Unknown kind of change "${unknown.kind}".`);
    this.#pixels = changes.filter(({ kind }) => kind === 'pixel');
    this.#byLayer = group(changes, ({ layer }) => layer);
  }

  /** Return the input with the changed pixels. */
  pixels(pixels) {
    if (!this.#pixels.length) return pixels;
    const changed = Float32Array.from(pixels);
    for (const { index, value } of this.#pixels) changed[index] = value;
    return changed;
  }

  /** Return a layer's weights {kernel, bias} with the changed ones. */
  weights({ name, outputShape }, { kernel, bias }) {
    const changes = this.#of(name, 'weight');
    const biases = this.#of(name, 'bias');
    if (!changes.length && !biases.length) return { kernel, bias };
    const result = { kernel, bias };
    if (changes.length) result.kernel = Float32Array.from(kernel);
    if (biases.length) result.bias = bias ? Float32Array.from(bias) : new Float32Array(outputShape.at(-1));
    for (const { index, value } of changes) result.kernel[index] = value;
    for (const { channel, value } of biases) result.bias[channel] = value;
    return result;
  }

  /** Return a layer's values, or their gradient, with silenced channels, scaled. */
  scale({ name, outputShape }, values) {
    const silenced = this.#of(name, 'silence');
    const factor = this.#of(name, 'scale').at(-1)?.factor ?? 1;
    if (!silenced.length && factor === 1) return values;
    const channels = outputShape.at(-1);
    const factors = new Float64Array(channels).fill(factor);
    for (const { channel } of silenced) factors[channel] = 0;
    return values.map((value, i) => value * factors[i % channels]);
  }

  #of(layer, kind) {
    return (this.#byLayer.get(layer) ?? []).filter((change) => change.kind === kind);
  }
}

function group(items, keyOf) {
  const groups = new Map();
  for (const item of items) groups.set(keyOf(item), [...(groups.get(keyOf(item)) ?? []), item]);
  return groups;
}
