import { extent } from '../lib/math.js';
import { mosaic } from './layout.js';

/** Kernels as images: the slices of each filter side by side, one per input channel. */
export class Weights {
  #tensors;

  constructor(tensors) {
    this.#tensors = tensors;
  }

  has(layer) {
    return `${layer.name}/kernel` in this.#tensors;
  }

  /** Return the layout of one filter's image: the cells of its mosaic, and of a slice. */
  shape(layer) {
    const [rows, columns] = layer.kernelSize ?? [1, 1];
    const slices = layer.inputShape.at(-1);
    return { ...mosaic(slices, rows, columns), slices, sliceRows: rows, sliceColumns: columns };
  }

  /** Return a filter's weights at the cells of the mosaic, row by row; NaN where a cell has none. */
  image(layer, filter) {
    const shape = this.shape(layer);
    const { values } = this.#tensors[`${layer.name}/kernel`]; // (rows, columns, inputs, outputs)
    const image = new Float32Array(shape.rows * shape.columns).fill(NaN);
    for (let slice = 0; slice < shape.slices; slice++) {
      const top = Math.floor(slice / shape.across) * shape.sliceRows;
      const left = (slice % shape.across) * shape.sliceColumns;
      for (let i = 0; i < shape.sliceRows * shape.sliceColumns; i++) {
        const [r, c] = [Math.floor(i / shape.sliceColumns), i % shape.sliceColumns];
        const at = (i * shape.slices + slice) * layer.channels + filter;
        image[(top + r) * shape.columns + left + c] = values[at];
      }
    }
    return image;
  }

  /** Return the largest magnitude of the layer's weights, or of one filter's. */
  limit(layer, filter = null) {
    const { values } = this.#tensors[`${layer.name}/kernel`]; // outputs last
    return extent(values, filter === null ? 1 : layer.channels, filter ?? 0);
  }
}
