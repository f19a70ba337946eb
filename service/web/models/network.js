import { inputOf } from './graph.js';
import { kindOf } from './kinds.js';
import { cellRegion, clip, unreadRegions } from './region.js';

export const DIGIT = 'digit'; // the name of the first layer's input
const PIXEL_FIELD = { size: [1, 1], step: [1, 1], start: [0, 0] }; // a pixel sees itself

/** One layer, as the manifest describes it. */
export class Layer {
  #windows; // {first, span, stride} of its windows, in cells of the layer before; null without windows

  /** @param before the layer before; null for the first layer. */
  constructor(fields, before, isLast) {
    this.name = fields.name;
    this.kind = kindOf(fields.kind);
    this.inputShape = fields.input_shape;
    this.outputShape = fields.output_shape;
    this.activation = fields.activation;
    this.parameters = fields.parameters;
    this.kernelSize = fields.kernel_size ?? null;
    this.strides = fields.strides ?? null;
    this.padding = fields.padding ?? null;
    this.field = fields.receptive_field ?? null;
    this.hasOwnPre = fields.pre !== fields.post;
    this.isLast = isLast;
    this.isFlat = this.outputShape.length === 1;
    this.channels = this.outputShape.at(-1);
    [this.rows, this.columns] = this.isFlat ? [1, 1] : this.outputShape;
    const hasWindows = this.kernelSize && this.field;
    this.#windows = hasWindows ? windowsOf(this.field, before ? before.field : PIXEL_FIELD) : null;
  }

  /** Return a cell's index in the layer's values, channels last. */
  index({ row = 0, column = 0, channel }) {
    return (row * this.columns + column) * this.channels + channel;
  }

  has({ channel, row, column }) {
    const within = (value, size) => Number.isInteger(value) && value >= 0 && value < size;
    if (!within(channel, this.channels)) return false;
    return this.isFlat ? row === undefined : within(row, this.rows) && within(column, this.columns);
  }

  /** Return the window of a cell on the layer before without its padding; null without windows. */
  window(cell) {
    if (!this.#windows) return null;
    const [top, left] = this.#corner(cell);
    const [height, width] = this.#windows.span;
    return clip({ top, left, height, width }, this.inputShape[0], this.inputShape[1]);
  }

  /** Return how many rows and columns of a cell's window are padding above and left of the map. */
  paddingBefore(cell) {
    const [top, left] = this.#corner(cell).map((at) => Math.max(-at, 0));
    return { top, left };
  }

  /** The regions of the layer before that no window reads. */
  get unread() {
    if (!this.#windows) return [];
    const last = this.window({ row: this.rows - 1, column: this.columns - 1 });
    const [rows, columns] = this.inputShape;
    return unreadRegions(rows, columns, last.top + last.height, last.left + last.width);
  }

  /** Return where the window of a cell begins: [row, column], negative in padding. */
  #corner({ row, column }) {
    const { first, stride } = this.#windows;
    return [row, column].map((at, axis) => first[axis] + at * stride[axis]);
  }
}

/** Derive a layer's windows on the layer before from the receptive fields of both. Padding, strides
 * and dilation then need no rules of their own here: the manifest's fields contain them.
 */
function windowsOf(field, before) {
  const perAxis = (value) => [0, 1].map((axis) => value(axis) / before.step[axis]);
  return {
    first: perAxis((axis) => field.start[axis] - before.start[axis]),
    span: perAxis((axis) => field.size[axis] - before.size[axis] + before.step[axis]),
    stride: perAxis((axis) => field.step[axis]),
  };
}

/** A network, known from its manifest alone. */
export class Network {
  constructor(manifest) {
    this.name = manifest.name;
    this.version = manifest.version;
    this.labels = manifest.labels;
    this.input = inputOf(manifest); // {height, width, channels, …}
    this.threshold = manifest.in_distribution?.threshold ?? null;
    this.layers = [];
    for (const fields of manifest.layers) {
      const isLast = this.layers.length === manifest.layers.length - 1;
      this.layers.push(new Layer(fields, this.layers.at(-1) ?? null, isLast));
    }
  }

  /** Whether the service takes encoded images for this network, and not arrays only. */
  get acceptsImages() {
    const { preparation, height, width, channels } = this.input;
    if (preparation !== undefined) return preparation?.name === 'digit';
    return height === 28 && width === 28 && channels === 1; // a manifest of version 1
  }

  get last() {
    return this.layers.at(-1);
  }

  /** Whether the last layer has one unit per label. */
  get hasClasses() {
    return this.last.isFlat && this.labels.length === this.last.channels;
  }

  find(name) {
    return this.layers.find((layer) => layer.name === name) ?? null;
  }

  /** Return the layer before; null before the first. */
  before(layer) {
    return this.layers[this.layers.indexOf(layer) - 1] ?? null;
  }

  /** Return the layer after; null after the last. */
  after(layer) {
    return this.layers[this.layers.indexOf(layer) + 1] ?? null;
  }

  /** Whether the network has that cell, or the digit that pixel. */
  has(cell) {
    if (cell.layer !== DIGIT) return this.find(cell.layer)?.has(cell) ?? false;
    const { height, width, channels } = this.input;
    return (
      cell.row < height &&
      cell.column < width &&
      cell.channel < channels &&
      Math.min(cell.row, cell.column, cell.channel) >= 0
    );
  }

  /** Return the region of the digit that a cell depends on. */
  receptiveField(cell) {
    const { height, width } = this.input;
    if (cell.layer === DIGIT) return cellRegion(cell.row, cell.column);
    const { field } = this.find(cell.layer);
    if (!field) return { top: 0, left: 0, height, width };
    const [top, left] = [cell.row, cell.column].map((at, axis) => field.start[axis] + at * field.step[axis]);
    return clip({ top, left, height: field.size[0], width: field.size[1] }, height, width);
  }

  /** Return what is highlighted for a cell: its own channel, and what it reads of the layer before.
   *
   * @returns {[layer name]: {channel, region}}: channel null for all, region null for the whole map.
   *   Null without a cell.
   */
  focus(cell) {
    if (!cell) return null;
    const region = cell.row === undefined ? null : cellRegion(cell.row, cell.column);
    const focus = { [cell.layer]: { channel: cell.channel, region } };
    if (cell.layer === DIGIT) return focus;
    const layer = this.find(cell.layer);
    focus[this.before(layer)?.name ?? DIGIT] = layer.kind.reads(layer, cell);
    focus[DIGIT] ??= { channel: null, region: this.receptiveField(cell) };
    return focus;
  }
}
