/** Layers whose values after the activation have to be asked for: they do not follow exactly from
 * those before it, which are asked for anyway.
 */
export function asksForPost(network) {
  return network.layers.filter(
    ({ activation, isLast }) =>
      !['linear', 'relu'].includes(activation) && !(isLast && activation === 'softmax'),
  );
}

/** Every value that the network has for one digit: float32, channels last. */
export class Values {
  #tensors;
  #post = new Map();

  /** @param tensors as the service gave them, {name: {values}}, of one image: `<layer>/pre` of all
   *   layers, `<layer>` of those that `asksForPost` names, `probabilities`, and `score` where the
   *   bundle can tell what is no digit.
   */
  constructor(network, tensors) {
    this.network = network;
    this.#tensors = tensors;
  }

  of(layer, stage = 'post') {
    if (stage === 'pre' || !layer.hasOwnPre) return this.#tensors[`${layer.name}/pre`].values;
    if (!this.#post.has(layer)) this.#post.set(layer, this.#after(layer));
    return this.#post.get(layer);
  }

  #after(layer) {
    if (layer.name in this.#tensors) return this.#tensors[layer.name].values;
    if (layer.activation === 'softmax') return this.#tensors.probabilities.values;
    return this.of(layer, 'pre').map((value) => Math.max(value, 0)); // exact in float32
  }

  at(cell, stage = 'post') {
    const layer = this.network.find(cell.layer);
    return this.of(layer, stage)[layer.index(cell)];
  }

  /** The value of the darkest colour: the largest magnitude of the layer, or of one channel. */
  limit(layer, stage, channel = null) {
    if (layer.activation === 'softmax' && stage === 'post') return 1; // so that they can be compared
    const values = this.of(layer, stage);
    let largest = 0;
    const step = channel === null ? 1 : layer.channels;
    for (let i = channel ?? 0; i < values.length; i += step) largest = Math.max(largest, Math.abs(values[i]));
    return largest || 1; // a scale needs an extent
  }

  /** Whether colours run both ways from 0. */
  isDiverging(layer, stage) {
    if (stage === 'pre' && layer.hasOwnPre) return true;
    return this.of(layer, stage).some((value) => value < 0);
  }

  /** Channels that are 0 everywhere after the activation: nothing of them goes on. */
  dead(layer) {
    const values = this.of(layer);
    const alive = new Uint8Array(layer.channels);
    for (let i = 0; i < values.length; i++) if (values[i]) alive[i % layer.channels] = 1;
    return alive.map((one) => 1 - one);
  }

  /** The cell of a channel that is furthest from 0. */
  strongest(layer, channel) {
    if (layer.isFlat) return { layer: layer.name, channel };
    const values = this.of(layer);
    let best = channel;
    for (let i = channel; i < values.length; i += layer.channels) {
      if (Math.abs(values[i]) > Math.abs(values[best])) best = i;
    }
    const place = Math.floor(best / layer.channels);
    const [row, column] = [Math.floor(place / layer.columns), place % layer.columns];
    return { layer: layer.name, channel, row, column };
  }

  /** The classes, likeliest first: {index, label, probability, logit}. */
  ranking() {
    const { last, labels } = this.network;
    const [probabilities, logits] = [this.of(last), this.of(last, 'pre')];
    return labels
      .map((label, index) => ({ index, label, probability: probabilities[index], logit: logits[index] }))
      .sort((a, b) => b.probability - a.probability);
  }

  /** Whether the model has learnt from pictures like this; null where its bundle cannot say. */
  isFamiliar() {
    const score = this.#tensors.score?.values[0];
    return score === undefined ? null : score >= this.network.threshold;
  }
}
