import { encodeNpy } from './npy.js';
import { decodeGrey } from './png.js';
import { readSafetensors } from './safetensors.js';

const CONCURRENCY_LIMIT = 2; // requests

/** An error response of the service (RFC 9457). */
export class Problem extends Error {
  constructor({ type = '', title = '', detail = '' }) {
    super(detail || title);
    this.kind = type.split(':').pop();
  }
}

const asJson = (response) => response.json();
const asBuffer = (response) => response.arrayBuffer();
const asBlob = (response) => response.blob();
const address = (path, query) => `${path}${query && `?${query}`}`;

/** A client of the service's routes, for one model. */
export class Api {
  #model;
  #version;
  #inFlight = 0;
  #queue = [];

  /** @param model its name; null for the service's default one.
   * @param version of the model; null for the one that the service uses by default.
   */
  constructor(model, version = null) {
    this.#model = model;
    this.#version = version;
  }

  models = () => this.#json('GET', '/models');
  manifest = () => this.#json('GET', '/model', this.#query({}));
  report = () => this.#json('GET', '/model/report', this.#query({}));
  patches = () => this.#json('GET', '/model/patches', this.#query({}));
  digitMap = () => this.#send(asBuffer, 'GET', '/model/map', this.#query({}));
  thumbnails = (chunk) => this.#send(asBuffer, 'GET', '/model/map/thumbnails', this.#query({ chunk }));
  snapshots = () => this.#send(asBuffer, 'GET', '/model/snapshots', this.#query({}));
  weights = async () => {
    const query = this.#query({ format: 'safetensors' });
    return readSafetensors(await this.#send(asBuffer, 'GET', '/model/weights', query));
  };

  /** Return the pixels of the digit in an image, {type, content} with the file's bytes, and the names
   * of what was removed from around the digit.
   */
  preprocess = async (image) => {
    const png = await this.#send(asBuffer, 'POST', '/preprocess', this.#query({ format: 'png' }), image);
    const { pixels, texts } = await decodeGrey(png);
    return { pixels, removed: JSON.parse(texts.preprocessing).removed };
  };

  /** Return a PNG of what preprocessing removed from an image. */
  removed = (image) =>
    this.#send(asBlob, 'POST', '/preprocess', this.#query({ format: 'png', stage: 'removed' }), image);

  /** Return {name: {shape, values}} of the named layers, for one image or digit: {type, content}. */
  activations = async (image, layers, stage, dtype = 'float32') => {
    const query = this.#query({ layers, stage, format: 'safetensors', dtype });
    return readSafetensors(await this.#send(asBuffer, 'POST', '/activations', query, image));
  };

  /** Return the predictions for a batch: {pixels of all digits, count, height, width, channels}. */
  predict = ({ pixels, count, height, width, channels }) => {
    const content = encodeNpy(pixels, [count, height, width, channels]);
    return this.#json('POST', '/predict', this.#query({}), { type: 'application/x-npy', content });
  };

  /** Return a PNG of the model's input that the service makes of an image: {type, content}. */
  prepared = (image, stage) =>
    this.#send(asBlob, 'POST', '/preprocess', this.#query({ format: 'png', stage }), image);

  // The routes below take one image, {type, content, preprocess}; without `preprocess` the service
  // prepares it as usual.

  /** Return the prediction for one image, with `count` classes; by default with all of them. */
  top = async (image, count) => {
    const query = this.#imageQuery(image, { top_k: count });
    return (await this.#json('POST', '/predict', query, image)).predictions[0];
  };

  /** Return the predictions for the digits in an image, in reading order, or for the cells of its grid. */
  segments = async (image, isGrid) => {
    const query = this.#query({ segment: isGrid ? 'grid' : 'true', top_k: 1, details: 'true' });
    return (await this.#json('POST', '/predict', query, image)).predictions;
  };

  /** Return a page of a layer's atlas; `drawing` has the parameters of the route. */
  atlas = (image, drawing) =>
    this.#json('POST', '/atlas', this.#imageQuery(image, { ...drawing, format: 'json' }), image);

  /** Return the explanation of a cell with its `top` largest terms. */
  explainOne = async (image, { layer, channel, row, column }, top) => {
    const query = this.#imageQuery(image, { layer, channel, row, column, top });
    return (await this.#json('POST', '/explain', query, image)).explanation;
  };

  /** Return a PNG of the occlusion map. */
  occlusionMap = (image) =>
    this.#send(asBlob, 'POST', '/occlusion', this.#imageQuery(image, { format: 'png' }), image);

  archive = async (digit, stage) => {
    const query = this.#query({ layers: 'all', stage, format: 'npz' });
    return this.#send(asBlob, 'POST', '/activations', query, this.body(digit));
  };

  /** Return {predictions, explanation} of a cell, for one image or digit: {type, content}. */
  explain = (image, cell, top) => this.#json('POST', '/explain', this.#cellQuery(cell, top), image);

  occlusion = (digit) => this.#json('POST', '/occlusion', this.#query({}), this.body(digit));

  /** Return the address that explains a cell; without a cell, the address of the prediction. */
  address(cell) {
    return cell ? address('/explain', this.#cellQuery(cell)) : address('/predict', this.#query({}));
  }

  #cellQuery({ layer, channel, row, column }, top = null) {
    return this.#query({ layer, channel, row, column, top });
  }

  /** Encode a digit without loss, so that every response is about the same pixels. */
  npy({ pixels, height, width, channels }) {
    return encodeNpy(pixels, [height, width, channels]);
  }

  body(digit) {
    return { type: 'application/x-npy', content: this.npy(digit) };
  }

  #imageQuery({ preprocess }, parameters) {
    return this.#query({ ...parameters, preprocess });
  }

  #query(parameters) {
    const present = Object.entries({ ...parameters, model: this.#model, version: this.#version }).filter(
      ([, value]) => value !== null && value !== undefined,
    );
    return new URLSearchParams(present).toString();
  }

  #json(...request) {
    return this.#send(asJson, ...request);
  }

  /** Send a request; return what `read` returns for the successful response. */
  async #send(read, method, path, query = '', body = null) {
    if (this.#inFlight >= CONCURRENCY_LIMIT) await new Promise((resolve) => this.#queue.push(resolve));
    else this.#inFlight++;
    try {
      const headers = body ? { 'Content-Type': body.type } : {};
      const response = await fetch(address(path, query), { method, body: body?.content, headers }).catch(
        ({ message }) => {
          throw new Problem({ type: 'unreachable', detail: message });
        },
      );
      if (!response.ok) {
        throw new Problem(await response.json().catch(() => ({ title: response.statusText })));
      }
      return await read(response); // A request is in flight until its response is complete.
    } finally {
      const next = this.#queue.shift(); // A request in the queue starts; the number in flight stays.
      if (next) next();
      else this.#inFlight--;
    }
  }
}
