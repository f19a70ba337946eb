import { DIGIT } from './network.js';

/** One channel as a grid of cells: of a layer with rows and columns its map, of a flat layer all
 * its units in a square, of the digit its pixels.
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

  /** The cell at a place; null where there is none. */
  cellAt(row, column) {
    if (row < 0 || column < 0 || row >= this.rows || column >= this.columns) return null;
    if (!this.isFlat) return { layer: this.name, channel: this.channel, row, column };
    const unit = row * this.columns + column;
    return unit < this.layer.channels ? { layer: this.name, channel: unit } : null;
  }

  /** {row, column} of a cell. */
  placeOf(cell) {
    if (!this.isFlat) return { row: cell.row, column: cell.column };
    return { row: Math.floor(cell.channel / this.columns), column: cell.channel % this.columns };
  }

  /** The cell that a key leads to from a cell; null for another key or at the edge. */
  step(cell, key) {
    const { row, column } = this.placeOf(cell);
    const [down, right] =
      { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[key] ?? [];
    if (down !== undefined) return this.cellAt(row + down, column + right);
    const turn = { PageUp: -1, PageDown: 1 }[key];
    if (!turn || this.isFlat) return null;
    return { ...cell, channel: (cell.channel + turn + this.channels) % this.channels };
  }

  /** Its values, row by row; NaN where a square of units is not full. */
  values(values, digit, stage) {
    const out = new Float32Array(this.rows * this.columns).fill(NaN);
    const given = this.layer ? values.of(this.layer, stage) : digit.pixels;
    const step = this.isFlat ? 1 : this.channels;
    const first = this.isFlat ? 0 : this.channel;
    for (let i = 0; first + i * step < given.length; i++) {
      out[i] = this.layer ? given[first + i * step] : given[first + i * step] / 255;
    }
    return out;
  }
}
