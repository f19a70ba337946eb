import { decodeGrey } from '../lib/png.js';

/** Digits of MNIST's test set: a sprite, one below the other, and their labels. */
export class Samples {
  #base;
  #sprite = null;

  constructor(base) {
    this.#base = base;
  }

  /** The pixels of one, ink 255 on 0; counts round where there are no more. */
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
