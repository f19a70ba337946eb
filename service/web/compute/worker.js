// A Web Worker that computes a network, so that the page stays responsive. Messages are {id, type, …};
// the answer is {id, result}, or {id, message} with the reason of a failure.

import { Edits } from './edits.js';
import { LocalNetwork } from './network.js';
import { smallestChange } from './smallest-change.js';

let network = null;

const ANSWERS = {
  load({ layers, tensors }) {
    network = new LocalNetwork(layers, tensors);
  },
  run({ pixels, changes }) {
    return network.run(pixels, new Edits(changes));
  },
  classify({ inputs, changes }) {
    const edits = new Edits(changes);
    return inputs.map((pixels) => network.outputs(network.run(pixels, edits)));
  },
  gradient({ pixels, changes, classIndex }) {
    const edits = new Edits(changes);
    const values = network.run(pixels, edits);
    const factors = network.logits(values).map((_, index) => Number(index === classIndex));
    return Float32Array.from(network.gradient(pixels, values, factors, edits));
  },
  smallestChange({ pixels, changes, wanted }) {
    return smallestChange(network, pixels, wanted, new Edits(changes));
  },
};

addEventListener('message', ({ data: { id, type, ...rest } }) => {
  try {
    postMessage({ id, result: ANSWERS[type](rest) });
  } catch (error) {
    postMessage({ id, message: error.message });
  }
});
