// The network's copy in the page: its weights are loaded when the page is idle, and it runs in a worker.

import { isComputed } from './network.js';

const IDLE_MS = 2000; // at the latest
const RETRY_MS = 10_000; // after a failure
const BLOCK = 4; // inputs that are computed before the next message gets its turn
const MOST_PARAMETERS = 1e6; // 4 MB of weights, which a page may load without being asked to

/** Return the layers of a models/network.js Network as a LocalNetwork takes them. */
export function layersOf(network) {
  return network.layers.map((layer) => ({
    name: layer.name,
    kind: layer.kind.name,
    inputShape: layer.inputShape,
    outputShape: layer.outputShape,
    kernelSize: layer.kernelSize,
    strides: layer.strides,
    padding: layer.padding,
    activation: layer.activation,
  }));
}

/** A copy of a network, for answers without a request. */
export class Local {
  #api;
  #layers;
  #onWeights;
  #parameters;
  #worker = null;
  #loading = null;
  #isReady = false;
  #pending = new Map(); // id → {resolve, reject} of the messages to the worker
  #sent = 0;

  /** @param network a models/network.js Network.
   *  @param onWeights called with the weights {"layer/kernel": {values}, …} when they are loaded.
   */
  constructor({ api, network, onWeights }) {
    this.#api = api;
    this.#onWeights = onWeights;
    this.#parameters = network.layers.reduce((sum, layer) => sum + layer.parameters, 0);
    this.#layers = layersOf(network);
  }

  /** Whether `run` answers without waiting for weights. */
  get isReady() {
    return this.#isReady;
  }

  /** Whether the page can compute this network at all. */
  get isPossible() {
    return isComputed(this.#layers);
  }

  /** Load the weights of a network that is not too large once the page is idle; after a failure
   * they are requested again later.
   */
  loadWhenIdle() {
    if (this.#parameters > MOST_PARAMETERS) return;
    const wait = globalThis.requestIdleCallback ?? ((task) => setTimeout(task, IDLE_MS));
    const again = () => setTimeout(() => this.loadWhenIdle(), RETRY_MS);
    wait(() => this.load().catch(again), { timeout: IDLE_MS });
  }

  /** Load the weights, unless they are loaded or being loaded. */
  load() {
    this.#loading ??= this.#load().catch((error) => {
      this.#loading = null;
      throw error;
    });
    return this.#loading;
  }

  /** Compute all values of an input: {"layer/pre": {values}, layer: {values}, …}.
   *
   * @param pixels Float32Array, 0–1, channels last.
   * @param changes see `edits.js`.
   */
  async run(pixels, changes = []) {
    const values = await this.#ask('run', { pixels, changes });
    return Object.fromEntries(Object.entries(values).map(([name, array]) => [name, { values: array }]));
  }

  /** Compute the values of the last layer for each of several inputs. */
  async classify(inputs, changes = []) {
    const outputs = [];
    for (let first = 0; first < inputs.length; first += BLOCK) {
      const block = inputs.slice(first, first + BLOCK);
      outputs.push(...(await this.#ask('classify', { inputs: block, changes })));
    }
    return outputs;
  }

  /** Compute the gradient of a class's logit for every value of the input. */
  gradient(pixels, changes, classIndex) {
    return this.#ask('gradient', { pixels, changes, classIndex });
  }

  /** Find the fewest pixels whose change gives the input another class; see `smallest-change.js`. */
  smallestChange(pixels, changes, wanted) {
    return this.#ask('smallestChange', { pixels, changes, wanted });
  }

  async #load() {
    const tensors = await this.#api.weights();
    if (this.isPossible) {
      this.#worker = new Worker(new URL('./worker.js', import.meta.url), { type: 'module' });
      this.#worker.addEventListener('message', ({ data }) => this.#settle(data));
      this.#worker.addEventListener('error', () => this.#fail());
      await this.#send('load', { layers: this.#layers, tensors });
      this.#isReady = true;
    }
    this.#onWeights(tensors);
  }

  async #ask(type, content) {
    await this.load();
    return this.#send(type, content);
  }

  #send(type, content) {
    const id = ++this.#sent;
    return new Promise((resolve, reject) => {
      this.#pending.set(id, { resolve, reject });
      this.#worker.postMessage({ id, type, ...content });
    });
  }

  #settle({ id, result, message }) {
    const { resolve, reject } = this.#pending.get(id);
    this.#pending.delete(id);
    if (message === undefined) resolve(result);
    else reject(new Error(message));
  }

  /** Reject what waits for a worker that did not start; the next call starts another. */
  #fail() {
    for (const { reject } of this.#pending.values()) reject(new Error('The worker failed.'));
    this.#pending.clear();
    [this.#loading, this.#isReady] = [null, false];
  }
}
