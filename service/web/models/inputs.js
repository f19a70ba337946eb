import { encodeGrey } from '../lib/png.js';
import { randomDigit, shrink } from './pixels.js';
import { typeOf } from './sheet.js';
import { Raster } from './strokes.js';

const NOTHING = { sheet: null, digit: null, removed: null };

/** What the network and the service get for a sheet: the digit, or the body of a request. */
export class Inputs {
  #api;
  #network;
  #samples;
  #raster = new Raster();
  #kept = NOTHING; // the last sheet that the service has prepared
  prepareDrawing = null; // of prepare/prepare.js, once it is loaded

  constructor({ api, network, samples }) {
    this.#api = api;
    this.#network = network;
    this.#samples = samples;
  }

  /** Use the digit that the service has prepared from now on, until another is kept or `forget`. */
  keep(sheet, digit, removed = null) {
    this.#kept = { sheet, digit, removed };
  }

  forget() {
    this.#kept = NOTHING;
  }

  /** Whether the digit of a sheet is the service's. */
  has(sheet) {
    return this.#kept.sheet === sheet;
  }

  /** Return what the service removed when it prepared a sheet; null where it removed nothing. */
  removedFrom(sheet) {
    return this.has(sheet) ? this.#kept.removed : null;
  }

  /** Return the digit of a sheet; null where only the service can prepare it. */
  async digitOf(sheet) {
    const { input, acceptsImages } = this.#network;
    if (this.has(sheet)) return this.#kept.digit;
    switch (sheet.kind) {
      case 'sample':
        return { ...input, pixels: await this.#samples.pixels(sheet.index) };
      case 'random':
        return randomDigit(input, sheet.seed);
      case 'array':
        return { ...input, pixels: sheet.pixels };
      case 'image':
        return null;
      case 'strokes': {
        const raster = this.#raster.of(sheet.strokes);
        if (!acceptsImages) return shrink(raster, input);
        const drawing = this.prepareDrawing?.(raster);
        return drawing && !drawing.isUncertain ? { ...input, pixels: drawing.digit } : null;
      }
      default:
        throw new RangeError(`Unknown kind of sheet "${sheet.kind}".`);
    }
  }

  /** Return the request body for a sheet: {type, content}, and `digit` where it needs no preprocessing. */
  async bodyOf(sheet) {
    if (!this.has(sheet)) {
      if (sheet.kind === 'image') return this.imageOf(sheet);
      if (sheet.kind === 'strokes' && this.#network.acceptsImages) return this.imageOf(sheet);
    }
    const digit = await this.digitOf(sheet);
    return { ...this.#api.body(digit), digit };
  }

  /** Return the picture or drawing of a sheet as a request body: {type, content}. */
  async imageOf(sheet) {
    if (sheet.kind === 'image') return { type: typeOf(sheet.blob), content: sheet.blob };
    const { pixels, width, height } = this.#raster.of(sheet.strokes);
    return { type: 'image/png', content: await encodeGrey(pixels, width, height) };
  }
}
