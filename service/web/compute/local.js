// The network's copy in the page: it runs in a worker, and its weights are loaded when the page is idle.

import { isComputed } from './network.js';

const IDLE_MS = 2000; // at the latest

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
  #worker = null;
  #loading = null;
  #isReady = false;
  #pending = new Map(); // id → {resolve, reject} of the messages to the worker
  #sent = 0;

  /** @param network a models/network.js Network. */
  constructor({ api, network }) {
    this.#api = api;
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

  /** Load the weights once the page is idle; a failure is tried again at the next call. */
  loadWhenIdle() {
    const wait = globalThis.requestIdleCallback ?? ((task) => setTimeout(task, IDLE_MS));
    wait(() => this.load().catch(() => {}), { timeout: IDLE_MS });
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

  async #load() {
    const tensors = await this.#api.weights();
    this.#worker = new Worker(new URL('./worker.js', import.meta.url), { type: 'module' });
    this.#worker.addEventListener('message', ({ data }) => this.#settle(data));
    this.#worker.addEventListener('error', () => this.#fail());
    await this.#send('load', { layers: this.#layers, tensors });
    this.#isReady = true;
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
