export const DIGIT = 'digit'; // what the first layer's input is called

/** A rectangle of cells or pixels: rows and columns from (top, left). */
function clip({ top, left, height, width }, rows, columns) {
  const [bottom, right] = [Math.min(top + height, rows), Math.min(left + width, columns)];
  [top, left] = [Math.max(top, 0), Math.max(left, 0)];
  return { top, left, height: bottom - top, width: right - left };
}

/** One layer, as the manifest tells it. */
export class Layer {
  constructor(fields, isLast) {
    this.name = fields.name;
    this.kind = fields.kind;
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
  }

  /** Whether its cells are made by kernels that slide. */
  get isConvolution() {
    return this.kind === 'Conv2D';
  }

  get isPooling() {
    return this.kind.endsWith('Pooling2D');
  }

  /** A cell's place in the layer's values, channels last. */
  index({ row = 0, column = 0, channel }) {
    return (row * this.columns + column) * this.channels + channel;
  }

  has({ channel, row, column }) {
    const within = (value, size) => Number.isInteger(value) && value >= 0 && value < size;
    if (!within(channel, this.channels)) return false;
    return this.isFlat ? row === undefined : within(row, this.rows) && within(column, this.columns);
  }

  /** What a cell reads of the layer before, clipped to real cells; null where it is all of it. */
  window({ row, column }) {
    if (!this.kernelSize) return null;
    const [top, left] = [row, column].map((at, axis) => at * this.strides[axis] - this.#padded(axis));
    const [height, width] = this.kernelSize;
    return clip({ top, left, height, width }, this.inputShape[0], this.inputShape[1]);
  }

  /** How many rows and columns of its window lie in the padding above and left of all cells. */
  cut({ row, column }) {
    const [top, left] = [row, column].map((at, axis) =>
      Math.max(this.#padded(axis) - at * this.strides[axis], 0),
    );
    return { top, left };
  }

  /** The first row (axis 0) or column (1) of the layer before that no window reaches. */
  reach(axis) {
    if (!this.kernelSize) return this.inputShape[axis];
    const end = (this.outputShape[axis] - 1) * this.strides[axis] + this.kernelSize[axis];
    return Math.min(end - this.#padded(axis), this.inputShape[axis]);
  }

  #padded(axis) {
    if (this.padding !== 'same') return 0; // Keras pads as little as it can, the odd cell at the end
    const covered = (this.outputShape[axis] - 1) * this.strides[axis] + this.kernelSize[axis];
    return Math.max(covered - this.inputShape[axis], 0) >> 1;
  }
}

/** A network, known from its manifest alone. */
export class Network {
  constructor(manifest) {
    this.name = manifest.name;
    this.labels = manifest.labels;
    this.input = manifest.input; // {height, width, channels}
    this.threshold = manifest.in_distribution?.threshold ?? null;
    this.layers = manifest.layers.map((fields, index, all) => new Layer(fields, index === all.length - 1));
  }

  /** Whether the service takes pictures for it, and not arrays only. */
  get takesPictures() {
    const { height, width, channels } = this.input;
    return height === 28 && width === 28 && channels === 1;
  }

  get last() {
    return this.layers.at(-1);
  }

  find(name) {
    return this.layers.find((layer) => layer.name === name) ?? null;
  }

  /** The layer before; null before the first. */
  before(layer) {
    return this.layers[this.layers.indexOf(layer) - 1] ?? null;
  }

  /** Whether there is such a cell, or such a pixel of the digit. */
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

  /** The pixels of the digit that a cell sees. */
  receptiveField(cell) {
    const { height, width } = this.input;
    if (cell.layer === DIGIT) return { top: cell.row, left: cell.column, height: 1, width: 1 };
    const { field } = this.find(cell.layer);
    if (!field) return { top: 0, left: 0, height, width };
    const [top, left] = [cell.row, cell.column].map((at, axis) => field.start[axis] + at * field.step[axis]);
    return clip({ top, left, height: field.size[0], width: field.size[1] }, height, width);
  }
}
