import { mosaic } from './layout.js';

/** Kernels as pictures: each filter's slices side by side, one for each input channel. */
export class Weights {
  #tensors;

  constructor(tensors) {
    this.#tensors = tensors;
  }

  has(layer) {
    return `${layer.name}/kernel` in this.#tensors;
  }

  /** How one filter's picture is laid out: cells of its mosaic, and of a slice. */
  shape(layer) {
    const [rows, columns] = layer.kernelSize && layer.isConvolution ? layer.kernelSize : [1, 1];
    const slices = layer.inputShape.at(-1);
    return { ...mosaic(slices, rows, columns), slices, sliceRows: rows, sliceColumns: columns };
  }

  /** A filter's weights at the mosaic's cells, row by row; NaN where the mosaic is not full. */
  picture(layer, filter) {
    const shape = this.shape(layer);
    const { values } = this.#tensors[`${layer.name}/kernel`]; // (rows, columns, inputs, outputs)
    const picture = new Float32Array(shape.rows * shape.columns).fill(NaN);
    for (let slice = 0; slice < shape.slices; slice++) {
      const top = Math.floor(slice / shape.across) * shape.sliceRows;
      const left = (slice % shape.across) * shape.sliceColumns;
      for (let i = 0; i < shape.sliceRows * shape.sliceColumns; i++) {
        const [r, c] = [Math.floor(i / shape.sliceColumns), i % shape.sliceColumns];
        const at = (i * shape.slices + slice) * layer.channels + filter;
        picture[(top + r) * shape.columns + left + c] = values[at];
      }
    }
    return picture;
  }

  /** The largest magnitude of the layer, or of one filter. */
  limit(layer, filter = null) {
    const { values } = this.#tensors[`${layer.name}/kernel`]; // outputs last
    let largest = 0;
    const step = filter === null ? 1 : layer.channels;
    for (let i = filter ?? 0; i < values.length; i += step) largest = Math.max(largest, Math.abs(values[i]));
    return largest || 1;
  }
}
