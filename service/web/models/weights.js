import { Edits } from '../compute/edits.js';
import { extent } from '../lib/math.js';
import { mosaic } from './layout.js';

/** The weights of a network; kernels as images show the slices of a filter side by side, one per input
 * channel.
 */
export class Weights {
  #tensors;

  /** @param tensors {"layer/kernel": {values}, "layer/bias": {values}}
   *  @param original the weights before changes; null for these themselves.
   */
  constructor(tensors, original = null) {
    this.#tensors = tensors;
    this.original = original ?? this;
  }

  has(layer) {
    return `${layer.name}/kernel` in this.#tensors;
  }

  /** Return one of a layer's weights, outputs last; undefined where the layer has none of that name. */
  of(layer, name) {
    return this.#tensors[`${layer.name}/${name}`]?.values;
  }

  /** Return the weights with changes (compute/edits.js). */
  with(changes, network) {
    const edits = new Edits(changes);
    const tensors = { ...this.#tensors };
    for (const layer of network.layers.filter((each) => this.has(each))) {
      const edited = edits.weights(layer, { kernel: this.of(layer, 'kernel'), bias: this.of(layer, 'bias') });
      for (const [name, values] of Object.entries(edited)) {
        if (values) tensors[`${layer.name}/${name}`] = { ...tensors[`${layer.name}/${name}`], values };
      }
    }
    return new Weights(tensors, this.original);
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
    const values = this.of(layer, 'kernel'); // (rows, columns, inputs, outputs)
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
    return extent(this.of(layer, 'kernel'), filter === null ? 1 : layer.channels, filter ?? 0);
  }
}
