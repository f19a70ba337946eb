import { decodeGrey } from '../lib/png.js';

const SIDE = 28;
const SIZE = SIDE * SIDE;
const COLUMNS = 40; // of a chunk's picture, because browsers limit the height of a canvas

/** The pixels of the map's digits, loaded in chunks on demand. */
export class Thumbnails {
  #api;
  #map;
  #chunks = new Map(); // index: a promise of its pixels
  #loaded = new Map(); // index: its pixels
  #pictures = new Map(); // index: its digits in the colours of their classes

  constructor(api, map) {
    this.#api = api;
    this.#map = map;
  }

  /** Return a digit's pixels, strokes 255 on 0. */
  async pixels(row) {
    const [chunk, place] = this.#placeOf(row);
    return (await this.#load(chunk)).slice(place * SIZE, (place + 1) * SIZE);
  }

  /** Draw a digit in the colour of its class, `size` pixels around (x, y), if it is loaded.
   *
   * @param colours by class, as RGBA pixels.
   * @returns whether it was drawn; else it is being loaded, and `onLoad` is called then.
   */
  draw(context, row, x, y, size, colours, onLoad) {
    const [chunk, place] = this.#placeOf(row);
    if (!this.#loaded.has(chunk)) {
      if (!this.#chunks.has(chunk)) this.#load(chunk).then(onLoad, () => {}); // Drawn as points until then.
      return false;
    }
    if (!this.#pictures.has(chunk)) this.#pictures.set(chunk, this.#picture(chunk, colours));
    const [left, top] = [(place % COLUMNS) * SIDE, Math.floor(place / COLUMNS) * SIDE];
    const picture = this.#pictures.get(chunk);
    context.drawImage(picture, left, top, SIDE, SIDE, x - size / 2, y - size / 2, size, size);
    return true;
  }

  /** Forget the pictures after a change of colours. */
  clearPictures() {
    this.#pictures.clear();
  }

  #placeOf(row) {
    const thumbnail = this.#map.thumbnails[row];
    return [Math.floor(thumbnail / this.#map.chunk), thumbnail % this.#map.chunk];
  }

  #load(chunk) {
    if (!this.#chunks.has(chunk)) {
      const loading = this.#api
        .thumbnails(chunk)
        .then(decodeGrey)
        .then(({ pixels }) => {
          this.#loaded.set(chunk, pixels);
          return pixels;
        });
      loading.catch(() => this.#chunks.delete(chunk)); // The next call requests it again.
      this.#chunks.set(chunk, loading);
    }
    return this.#chunks.get(chunk);
  }

  #picture(chunk, colours) {
    const pixels = this.#loaded.get(chunk);
    const classes = new Uint8Array(this.#map.chunk); // of the chunk's digits, by place
    this.#map.labels.forEach((label, row) => {
      const [other, place] = this.#placeOf(row);
      if (other === chunk) classes[place] = label;
    });
    const count = pixels.length / SIZE;
    const canvas = document.createElement('canvas');
    [canvas.width, canvas.height] = [COLUMNS * SIDE, Math.ceil(count / COLUMNS) * SIDE];
    const image = new ImageData(canvas.width, canvas.height);
    const packed = new Uint32Array(image.data.buffer);
    for (let place = 0; place < count; place++) {
      const [left, top] = [(place % COLUMNS) * SIDE, Math.floor(place / COLUMNS) * SIDE];
      const colour = colours[classes[place]] & 0xffffff;
      for (let i = 0; i < SIZE; i++) {
        const at = (top + Math.floor(i / SIDE)) * canvas.width + left + (i % SIDE);
        packed[at] = (pixels[place * SIZE + i] << 24) | colour;
      }
    }
    canvas.getContext('2d').putImageData(image, 0, 0);
    return canvas;
  }
}
