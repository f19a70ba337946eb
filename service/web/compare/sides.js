// What can be compared: the playground's digit, and what stands beside it.

import { Api } from '../lib/api.js';
import { isPlayground } from '../models/graph.js';
import { Network } from '../models/network.js';
import { randomDigit } from '../models/pixels.js';
import { requestValues } from '../models/values.js';

export const BEFORE = 'before'; // the digit and the network before the changes of "what if"
const RANDOM_INPUTS = 5; // offered for a model that takes no images

/** The two sides of a comparison: each is {digit (null where it is not known), values}. */
export class Sides {
  #context;
  #labels = null; // of the samples
  #models = null; // [{name, version, api, network}] with the same input

  /** @param context {api, manifest, network, samples, store, requests} of the page. */
  constructor(context) {
    this.#context = context;
  }

  /** Load what the right side can be: {samples: the labels, or how many random inputs; models}. */
  async load() {
    const { network } = this.#context;
    const response = network.acceptsImages ? await fetch(new URL('../samples.json', import.meta.url)) : null;
    this.#labels = response ? (await response.json()).labels : Array.from({ length: RANDOM_INPUTS }, () => null);
    this.#models = await this.#alike();
  }

  /** Return the choices for the right side: [{id, kind, …}]. */
  choices() {
    const { changes } = this.#context.store.state;
    return [
      ...(changes.length ? [{ id: BEFORE, kind: BEFORE }] : []),
      ...this.#models.map(({ name, version }) => ({ id: `model-${name}-${version}`, kind: 'model', name, version })),
      ...this.#labels.map((label, index) => ({ id: `sample-${index}`, kind: 'sample', index, label })),
    ];
  }

  /** Return both sides for a choice; without a digit in the playground, a sample is on the left. */
  async of({ kind, index, name, version }) {
    const { store, requests } = this.#context;
    const { digit: own, values, baseline, changes } = store.state;
    const digit = values ? own : await this.#sample(0);
    // Where nothing is changed, both sides are computed in the same way, so that equal digits have equal values.
    const left = async () => ({ digit, values: values && changes.length ? values : await requests.valuesOf(digit) });
    const right = async () => {
      if (kind === BEFORE) {
        const isSame = !changes.some((change) => change.kind === 'pixel');
        return { digit: isSame ? digit : null, values: baseline };
      }
      if (kind === 'model') {
        const { api, network } = this.#models.find((each) => each.name === name && each.version === version);
        return { digit, values: await requestValues(api, network, api.body(digit)) };
      }
      const sample = await this.#sample(index);
      return { digit: sample, values: await requests.valuesOf(sample) };
    };
    const [one, other] = await Promise.all([left(), right()]);
    return { left: one, right: other };
  }

  async #sample(index) {
    const { network, samples } = this.#context;
    if (!network.acceptsImages) return randomDigit(network.input, index + 1);
    return { ...network.input, pixels: await samples.pixels(index) };
  }

  /** Return the other models that take the same input and have layers that the page knows. */
  async #alike() {
    const { api, network, manifest } = this.#context;
    const { models } = await api.models();
    const others = models
      .flatMap(({ name, versions }) => versions.map(({ version, state }) => ({ name, version, state })))
      .filter(({ name, version, state }) => {
        const isOwn = name === manifest.name && version === manifest.version;
        return state === 'loaded' && !isOwn;
      });
    const found = await Promise.all(
      others.map(async ({ name, version }) => {
        const other = new Api(name, version);
        const described = await other.manifest().catch(() => null); // It may have been unloaded.
        if (!described || !isPlayground(described)) return null;
        return { name, version, api: other, network: new Network(described) };
      }),
    );
    const shapeOf = ({ input: { height, width, channels } }) => String([height, width, channels]);
    return found.filter((other) => other && shapeOf(other.network) === shapeOf(network));
  }
}
