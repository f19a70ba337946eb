import { clamp } from '../lib/math.js';

export const LARGEST_SCALE = 60;
const MARGIN = 24; // CSS pixels around the whole map

/** Which part of the map is visible: places in 0–1 to pixels of a canvas, zoomed by `scale` from 1 on. */
export class Viewport {
  #centre = [0.5, 0.5];
  scale = 1;
  width = 1;
  height = 1;

  resize(width, height) {
    [this.width, this.height] = [width, height];
    this.#limit();
  }

  /** How many pixels the whole map is wide. */
  get side() {
    return Math.max(Math.min(this.width, this.height) - 2 * MARGIN, 1) * this.scale;
  }

  toPixels([x, y]) {
    return [
      (x - this.#centre[0]) * this.side + this.width / 2,
      (y - this.#centre[1]) * this.side + this.height / 2,
    ];
  }

  toPlace(x, y) {
    return [
      (x - this.width / 2) / this.side + this.#centre[0],
      (y - this.height / 2) / this.side + this.#centre[1],
    ];
  }

  /** Whether a pixel is on the canvas. */
  has([x, y]) {
    return x >= 0 && y >= 0 && x <= this.width && y <= this.height;
  }

  /** Zoom by a factor, so that what is at (x, y) stays there. */
  zoom(factor, x = this.width / 2, y = this.height / 2) {
    const place = this.toPlace(x, y);
    this.scale = clamp(this.scale * factor, 1, LARGEST_SCALE);
    const [toX, toY] = this.toPixels(place);
    this.pan(x - toX, y - toY);
  }

  /** Move the map by pixels. */
  pan(x, y) {
    this.#centre = [this.#centre[0] - x / this.side, this.#centre[1] - y / this.side];
    this.#limit();
  }

  /** Bring a place into view, with a margin; nothing moves where it is visible already. */
  reveal(place) {
    const [x, y] = this.toPixels(place);
    this.pan(clamp(x, MARGIN, this.width - MARGIN) - x, clamp(y, MARGIN, this.height - MARGIN) - y);
  }

  /** Show the whole map. */
  reset() {
    [this.scale, this.#centre] = [1, [0.5, 0.5]];
  }

  /** Keep the map in view: the whole of it, or no more than a margin beyond its edge. */
  #limit() {
    const free = (size) => Math.max(0.5 - (size / 2 - MARGIN) / this.side, 0);
    const axis = (at, size) => clamp(at, 0.5 - free(size), 0.5 + free(size));
    this.#centre = [axis(this.#centre[0], this.width), axis(this.#centre[1], this.height)];
  }
}
