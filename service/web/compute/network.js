// A network that the page computes itself, with changes to it: the copy behind "what if".

import { ACTIVATIONS, activate, SOFTMAX } from './activations.js';
import { COMPUTED_KINDS, operationOf } from './layers.js';

/** Whether the page can compute a chain of layers. */
export function isComputed(layers) {
  return layers.every(
    ({ kind, activation }, i) =>
      COMPUTED_KINDS.includes(kind) &&
      (Object.hasOwn(ACTIVATIONS, activation) || (activation === SOFTMAX && i === layers.length - 1)),
  );
}

/** A chain of layers with its weights. */
export class LocalNetwork {
  #layers;
  #weights;

  /** @param layers [{name, kind, inputShape, outputShape, kernelSize, strides, padding, activation}]
   *  @param tensors {"layer/kernel": {values}, "layer/bias": {values}}
   */
  constructor(layers, tensors) {
    this.#layers = layers;
    this.#weights = new Map(
      layers.map(({ name }) => [
        name,
        { kernel: tensors[`${name}/kernel`]?.values, bias: tensors[`${name}/bias`]?.values },
      ]),
    );
  }

  /** Compute all values for an input.
   *
   * @param pixels the input, 0–1, channels last.
   * @param edits changes to the network, see `edits.js`; none by default.
   * @returns {"layer/pre": Float32Array, "layer": Float32Array} for every layer, in order.
   */
  run(pixels, edits = null) {
    const values = {};
    let inputs = edits?.pixels(pixels) ?? pixels;
    for (const layer of this.#layers) {
      const pre = operationOf(layer).forward(layer, this.#weightsOf(layer, edits), inputs);
      const post = activate(layer.activation, pre, layer.outputShape.at(-1));
      values[`${layer.name}/pre`] = pre;
      inputs = values[layer.name] = edits?.scale(layer, post) ?? post;
    }
    return values;
  }

  /** Return the gradient of a sum of logits for every value of the input.
   *
   * @param values the result of `run` for the same pixels and edits.
   * @param factors of each logit in the sum: 1 for one class, or the difference of two.
   */
  gradient(pixels, values, factors, edits = null) {
    let gradient = Float64Array.from(factors);
    for (let i = this.#layers.length - 1; i >= 0; i--) {
      const layer = this.#layers[i];
      if (i < this.#layers.length - 1) {
        gradient = slopes(layer, values, edits?.scale(layer, gradient) ?? gradient);
      }
      const inputs = i ? values[this.#layers[i - 1].name] : (edits?.pixels(pixels) ?? pixels);
      gradient = operationOf(layer).backward(layer, this.#weightsOf(layer, edits), inputs, gradient);
    }
    return gradient;
  }

  /** Return the values of the last layer among those that `run` returned. */
  outputs(values) {
    return values[this.#layers.at(-1).name];
  }

  /** Return the logits among the values that `run` returned. */
  logits(values) {
    return values[`${this.#layers.at(-1).name}/pre`];
  }

  #weightsOf(layer, edits) {
    const weights = this.#weights.get(layer.name);
    return edits?.weights(layer, weights) ?? weights;
  }
}

/** Multiply a gradient by the derivative of a layer's activation function. */
function slopes({ name, activation }, values, gradient) {
  if (activation === 'linear') return gradient;
  const { slope } = ACTIVATIONS[activation];
  const pre = values[`${name}/pre`];
  return gradient.map((each, i) => each * slope(pre[i]));
}
