import { DIGIT } from './network.js';
import { intensities } from './pixels.js';

/** One channel as a grid of cells: the map of a layer with rows and columns, all units of a flat
 * layer in a square, or the pixels of the digit.
 */
export class Plane {
  constructor({ network, layer, channel }) {
    this.layer = layer; // a Layer; null for the digit
    this.name = layer?.name ?? DIGIT;
    this.channel = channel;
    this.channels = layer ? (layer.isFlat ? 1 : layer.channels) : network.input.channels;
    this.isFlat = Boolean(layer?.isFlat);
    this.columns = this.isFlat
      ? Math.ceil(Math.sqrt(layer.channels))
      : (layer?.columns ?? network.input.width);
    this.rows = this.isFlat
      ? Math.ceil(layer.channels / this.columns)
      : (layer?.rows ?? network.input.height);
  }

  /** Return the cell at a place; null where there is none. */
  cellAt(row, column) {
    if (row < 0 || column < 0 || row >= this.rows || column >= this.columns) return null;
    if (!this.isFlat) return { layer: this.name, channel: this.channel, row, column };
    const unit = row * this.columns + column;
    return unit < this.layer.channels ? { layer: this.name, channel: unit } : null;
  }

  /** Return {row, column} of a cell. */
  placeOf(cell) {
    if (!this.isFlat) return { row: cell.row, column: cell.column };
    return { row: Math.floor(cell.channel / this.columns), column: cell.channel % this.columns };
  }

  /** Return the cell that a key moves to from a cell; null for another key or at the edge. */
  step(cell, key) {
    const { row, column } = this.placeOf(cell);
    const [down, right] =
      { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[key] ?? [];
    if (down !== undefined) return this.cellAt(row + down, column + right);
    const turn = { PageUp: -1, PageDown: 1 }[key];
    if (!turn || this.isFlat) return null;
    return { ...cell, channel: (cell.channel + turn + this.channels) % this.channels };
  }

  /** Return the values, row by row; NaN where the square of units has no unit. */
  values(values, digit, stage) {
    const out = new Float32Array(this.rows * this.columns).fill(NaN);
    const all = this.layer ? values.of(this.layer, stage) : intensities(digit);
    const step = this.isFlat ? 1 : this.channels;
    const first = this.isFlat ? 0 : this.channel;
    for (let i = 0; first + i * step < all.length; i++) out[i] = all[first + i * step];
    return out;
  }
}
