// What the manifest says about the whole model. Manifests of version 1 state the input as height, width
// and channels and have a chain of layers; those of version 2 have a shape and a graph.

import { KIND_NAMES } from './kinds.js';

export const INPUT = 'input'; // the name of the model's input among a layer's inputs

/** Return the model's input with its height, width and channels. */
export function inputOf({ input }) {
  const [height, width, channels] = input.shape ?? [input.height, input.width, input.channels];
  return { ...input, height, width, channels };
}

/** Return the names of the layers whose values a layer takes. */
export function inputsOf({ manifest: version = 1, layers }, index) {
  if (version > 1) return layers[index].inputs;
  return [index ? layers[index - 1].name : INPUT];
}

// The activation functions that the playground names and explains.
const ACTIVATIONS = ['linear', 'relu', 'tanh', 'sigmoid', 'softmax'];
// Entries of a layer's configuration that the playground does not draw, unless they are 1.
const NOT_DRAWN = ['dilation_rate', 'groups'];

/** Whether the playground can show a model: it takes digits, or arrays without a preparation, and its
 * layers are a chain of kinds that the page explains.
 */
export function isPlayground(manifest) {
  const { input, layers } = manifest;
  const takesDigits = !input.preparation || input.preparation.name === 'digit';
  const isChain = layers.every((layer, index) => {
    const [source, ...others] = inputsOf(manifest, index);
    return !others.length && source === (index ? layers[index - 1].name : INPUT);
  });
  return takesDigits && isChain && layers.every(isExplained);
}

/** Whether the page explains a layer: Dense layers of units, other layers of maps. */
function isExplained({ kind, activation, input_shape: shape, config = {}, is_exact = true }) {
  const isPlain = NOT_DRAWN.every((key) => [config[key] ?? 1].flat().every((value) => value === 1));
  const isKnown = KIND_NAMES.includes(kind) && ACTIVATIONS.includes(activation);
  return is_exact && isPlain && isKnown && (kind !== 'Dense' || shape.length === 1);
}
