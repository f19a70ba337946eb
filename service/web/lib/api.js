import { encodeNpy } from './npy.js';
import { decodeGrey } from './png.js';
import { readSafetensors } from './safetensors.js';

const MOST_IN_FLIGHT = 2;

/** What the service says is wrong (RFC 9457). */
export class Problem extends Error {
  constructor({ type = '', title = '', detail = '' }) {
    super(detail || title);
    this.kind = type.split(':').pop();
  }
}

const address = (path, query) => `${path}${query && `?${query}`}`;

/** The service's routes, for one model; never more than two requests at once. */
export class Api {
  #model;
  #inFlight = 0;
  #queue = [];

  /** @param model its name; null for the service's default one. */
  constructor(model) {
    this.#model = model;
  }

  models = () => this.#json('GET', '/models');
  manifest = () => this.#json('GET', '/model', this.#query({}));
  report = () => this.#json('GET', '/model/report', this.#query({}));
  patches = () => this.#json('GET', '/model/patches', this.#query({}));
  weights = async () => {
    const answer = await this.#send('GET', '/model/weights', this.#query({ format: 'safetensors' }));
    return readSafetensors(await answer.arrayBuffer());
  };

  /** The pixels that a picture becomes: {type, content} with the file's bytes. */
  preprocess = async (picture) => {
    const answer = await this.#send('POST', '/preprocess', this.#query({ format: 'png' }), picture);
    return (await decodeGrey(await answer.arrayBuffer())).pixels;
  };

  /** {name: {shape, values}} of the layers named, of one picture or digit: {type, content}. */
  activations = async (picture, layers, stage) => {
    const query = this.#query({ layers, stage, format: 'safetensors', dtype: 'float32' });
    const answer = await this.#send('POST', '/activations', query, picture);
    return readSafetensors(await answer.arrayBuffer());
  };

  /** What each of many digits is: {pixels of all, count, height, width, channels}. */
  predict = ({ pixels, count, height, width, channels }) => {
    const content = encodeNpy(pixels, [count, height, width, channels]);
    return this.#json('POST', '/predict', this.#query({}), { type: 'application/x-npy', content });
  };

  archive = async (digit, stage) => {
    const query = this.#query({ layers: 'all', stage, format: 'npz' });
    return (await this.#send('POST', '/activations', query, this.body(digit))).blob();
  };

  explain = (digit, cell, top) =>
    this.#json('POST', '/explain', this.#cellQuery(cell, top), this.body(digit));

  occlusion = (digit) => this.#json('POST', '/occlusion', this.#query({}), this.body(digit));

  /** Where the digit is asked about: a cell, or without one its prediction. */
  address(cell) {
    return cell ? address('/explain', this.#cellQuery(cell)) : address('/predict', this.#query({}));
  }

  #cellQuery({ layer, channel, row, column }, top = null) {
    return this.#query({ layer, channel, row, column, top });
  }

  /** A digit exactly as it is, so that every answer is about the same pixels. */
  npy({ pixels, height, width, channels }) {
    return encodeNpy(pixels, [height, width, channels]);
  }

  body(digit) {
    return { type: 'application/x-npy', content: this.npy(digit) };
  }

  #query(parameters) {
    const given = Object.entries({ ...parameters, model: this.#model }).filter(
      ([, value]) => value !== null && value !== undefined,
    );
    return new URLSearchParams(given).toString();
  }

  async #json(...request) {
    return (await this.#send(...request)).json();
  }

  async #send(method, path, query = '', body = null) {
    if (this.#inFlight >= MOST_IN_FLIGHT) await new Promise((go) => this.#queue.push(go));
    else this.#inFlight++;
    try {
      const headers = body ? { 'Content-Type': body.type } : {};
      const answer = await fetch(address(path, query), { method, body: body?.content, headers }).catch(
        ({ message }) => {
          throw new Problem({ type: 'unreachable', detail: message });
        },
      );
      if (!answer.ok) throw new Problem(await answer.json().catch(() => ({ title: answer.statusText })));
      return answer;
    } finally {
      const next = this.#queue.shift(); // hands its place on, or gives it back
      if (next) next();
      else this.#inFlight--;
    }
  }
}
