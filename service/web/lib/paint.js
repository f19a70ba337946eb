import { pixel } from './colours.js';

const EMPTY_CELL = 0x00000000;
const small = document.createElement('canvas');

/** Cells as a picture of one pixel a cell; scale it up without smoothing.
 *
 * @param values row by row; NaN is left transparent.
 * @param colour value → RGBA pixel.
 */
export function picture(values, columns, colour) {
  const image = new ImageData(columns, values.length / columns);
  const pixels = new Uint32Array(image.data.buffer);
  for (let i = 0; i < values.length; i++)
    pixels[i] = values[i] === values[i] ? colour(values[i]) : EMPTY_CELL;
  return image;
}

export const diverging = (limit) => (value) => pixel(value, limit);

/** Ink on paper is dark: 0 white, 1 black, as the paper has it. */
export function grey(value) {
  const level = Math.round(255 * (1 - value));
  return ((255 << 24) | (level << 16) | (level << 8) | level) >>> 0;
}

/** Many small pictures composed in memory: putting each on a canvas by itself takes too long. */
export class Mosaic {
  #image;
  #pixels;

  constructor(width, height) {
    this.#image = new ImageData(width, height);
    this.#pixels = new Uint32Array(this.#image.data.buffer);
  }

  /** Put a picture's cells at (x, y), each `factor` pixels wide and high; opacity 0–1. */
  put(values, columns, colour, { x, y, factor, opacity }) {
    const alpha = Math.round(255 * opacity) << 24;
    const { width } = this.#image;
    for (let i = 0; i < values.length; i++) {
      if (values[i] !== values[i]) continue; // NaN
      const left = x + (i % columns) * factor;
      const top = y + Math.floor(i / columns) * factor;
      const shown = (colour(values[i]) & 0xffffff) | alpha;
      for (let row = top; row < top + factor; row++) {
        this.#pixels.fill(shown, row * width + left, row * width + left + factor);
      }
    }
  }

  draw(context) {
    draw(context, this.#image, 0, 0, this.#image.width, this.#image.height);
  }
}

/** Draw a picture of cells enlarged. */
export function draw(context, image, x, y, width, height) {
  if (small.width < image.width) small.width = image.width;
  if (small.height < image.height) small.height = image.height;
  small.getContext('2d').putImageData(image, 0, 0);
  context.drawImage(small, 0, 0, image.width, image.height, x, y, width, height);
}

/** An outline that can be seen on any colour: white around the mark. */
export function outline(context, x, y, width, height, colour, line = 2) {
  context.lineWidth = line + 2;
  context.strokeStyle = '#fff';
  context.strokeRect(x - line / 2, y - line / 2, width + line, height + line);
  context.lineWidth = line;
  context.strokeStyle = colour;
  context.strokeRect(x - line / 2, y - line / 2, width + line, height + line);
}

/** Diagonal lines over cells that nothing reads. */
export function hatch(context, x, y, width, height, colour) {
  context.save();
  context.beginPath();
  context.rect(x, y, width, height);
  context.clip();
  context.strokeStyle = colour;
  context.lineWidth = 1;
  context.beginPath();
  for (let at = -height; at < width; at += 5) {
    context.moveTo(x + at, y + height);
    context.lineTo(x + at + height, y);
  }
  context.stroke();
  context.restore();
}
