import { extent, relu } from '../lib/math.js';

// The activation functions that the page applies itself, because their float32 results are exact.
const ACTIVATIONS = { linear: (value) => value, relu };

/** Return the layers whose values after the activation have to be requested, because they do not
 * follow exactly from the values before it, which are requested anyway.
 */
export function layersToRequestPost(network) {
  return network.layers.filter(
    ({ activation, isLast }) =>
      !Object.hasOwn(ACTIVATIONS, activation) && !(isLast && activation === 'softmax'),
  );
}

/** Request all values of a network for one image or digit: {type, content}. */
export async function requestValues(api, network, image, dtype = 'float32') {
  const post = layersToRequestPost(network)
    .map(({ name }) => name)
    .join(',');
  const tensors = await Promise.all([
    api.activations(image, 'all', 'pre', dtype),
    ...(post ? [api.activations(image, post, 'post', dtype)] : []),
  ]);
  return new Values(network, Object.assign({}, ...tensors));
}

/** All values of the network for one digit: float32, channels last. */
export class Values {
  #tensors;
  #post = new Map();

  /** @param tensors the service's response for one image, {name: {values}}: `<layer>/pre` of all
   *   layers, `<layer>` of those in `layersToRequestPost`, `probabilities`, and `score` where the
   *   bundle detects inputs that are out of distribution.
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
    return this.of(layer, 'pre').map(ACTIVATIONS[layer.activation]);
  }

  at(cell, stage = 'post') {
    const layer = this.network.find(cell.layer);
    return this.of(layer, stage)[layer.index(cell)];
  }

  /** Return the value of the darkest colour: the largest magnitude of the layer, or of one channel. */
  limit(layer, stage, channel = null) {
    if (layer.activation === 'softmax' && stage === 'post') return 1; // probabilities of all inputs compare
    return extent(this.of(layer, stage), channel === null ? 1 : layer.channels, channel ?? 0);
  }

  /** Whether a stage has values on both sides of 0, or can have them. */
  isDiverging(layer, stage) {
    if (stage === 'pre' && layer.hasOwnPre) return true;
    return this.of(layer, stage).some((value) => value < 0);
  }

  /** Return for each channel 1 if it is 0 everywhere after the activation, else 0. */
  inactive(layer) {
    const values = this.of(layer);
    const inactive = new Uint8Array(layer.channels).fill(1);
    for (let i = 0; i < values.length; i++) if (values[i]) inactive[i % layer.channels] = 0;
    return inactive;
  }

  /** Return the cell of a channel that is furthest from 0. */
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

  /** Return the classes, the most probable first: {index, label, probability, logit}. */
  ranking() {
    const { last, labels } = this.network;
    const [probabilities, logits] = [this.of(last), this.of(last, 'pre')];
    return labels
      .map((label, index) => ({ index, label, probability: probabilities[index], logit: logits[index] }))
      .sort((a, b) => b.probability - a.probability);
  }

  /** Whether the image resembles the training data; null where the bundle has no score for that. */
  isFamiliar() {
    const score = this.#tensors.score?.values[0];
    return score === undefined ? null : score >= this.network.threshold;
  }
}
