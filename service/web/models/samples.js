import { decodeGrey } from '../lib/png.js';

/** Digits of MNIST's test set, from a sprite that has them one below the other. */
export class Samples {
  #base;
  #sprite = null;

  constructor(base) {
    this.#base = base;
  }

  /** Return the pixels of a sample, strokes 255 on 0; after the last one the first follows. */
  async pixels(index) {
    const { pixels, width, height } = await this.#load();
    const size = width * width;
    const place = index % (height / width);
    return pixels.slice(place * size, (place + 1) * size);
  }

  #load() {
    this.#sprite ??= fetch(`${this.#base}samples.png`)
      .then((answer) => answer.arrayBuffer())
      .then(decodeGrey);
    return this.#sprite;
  }
}
