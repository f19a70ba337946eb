import { pixel } from './colours.js';

const TRANSPARENT = 0x00000000;
let scratch = null; // a canvas that is reused, created by the first drawing

/** Return an image of one pixel per cell, to be enlarged without smoothing.
 *
 * @param values row by row; NaN becomes transparent.
 * @param colour value → RGBA pixel.
 */
export function cellImage(values, columns, colour) {
  const image = new ImageData(columns, values.length / columns);
  const pixels = new Uint32Array(image.data.buffer);
  for (let i = 0; i < values.length; i++)
    pixels[i] = values[i] === values[i] ? colour(values[i]) : TRANSPARENT;
  return image;
}

export const diverging = (limit) => (value) => pixel(value, limit);

/** An image composed of many small ones in memory, because one canvas call for each takes too long. */
export class Mosaic {
  #image;
  #pixels;

  constructor(width, height) {
    this.#image = new ImageData(width, height);
    this.#pixels = new Uint32Array(this.#image.data.buffer);
  }

  /** Put cells at (x, y), each `factor` pixels wide and high; opacity 0–1. */
  put(values, columns, colour, { x, y, factor, opacity }) {
    const alpha = Math.round(255 * opacity) << 24;
    const { width } = this.#image;
    for (let i = 0; i < values.length; i++) {
      if (values[i] !== values[i]) continue; // NaN
      const left = x + (i % columns) * factor;
      const top = y + Math.floor(i / columns) * factor;
      const pixel = (colour(values[i]) & 0xffffff) | alpha;
      for (let row = top; row < top + factor; row++) {
        this.#pixels.fill(pixel, row * width + left, row * width + left + factor);
      }
    }
  }

  draw(context) {
    draw(context, this.#image, 0, 0, this.#image.width, this.#image.height);
  }
}

/** Draw an image of cells, enlarged to width × height. */
export function draw(context, image, x, y, width, height) {
  scratch ??= document.createElement('canvas');
  if (scratch.width < image.width) scratch.width = image.width;
  if (scratch.height < image.height) scratch.height = image.height;
  scratch.getContext('2d').putImageData(image, 0, 0);
  context.drawImage(scratch, 0, 0, image.width, image.height, x, y, width, height);
}

/** Draw the lines between cells of `factor` pixels. */
export function gridLines(context, rows, columns, factor, colour) {
  context.strokeStyle = colour;
  context.lineWidth = 1;
  context.beginPath();
  for (let row = 0; row <= rows; row++) {
    context.moveTo(0, row * factor + 0.5);
    context.lineTo(columns * factor, row * factor + 0.5);
  }
  for (let column = 0; column <= columns; column++) {
    context.moveTo(column * factor + 0.5, 0);
    context.lineTo(column * factor + 0.5, rows * factor);
  }
  context.stroke();
}

/** Draw an outline with a white border, so that it can be seen on any colour. */
export function outline(context, x, y, width, height, colour, line = 2) {
  context.lineWidth = line + 2;
  context.strokeStyle = '#fff';
  context.strokeRect(x - line / 2, y - line / 2, width + line, height + line);
  context.lineWidth = line;
  context.strokeStyle = colour;
  context.strokeRect(x - line / 2, y - line / 2, width + line, height + line);
}

/** Draw diagonal lines over cells that no window reads. */
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
