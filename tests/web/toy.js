import { Network } from '../../service/web/models/network.js';

const conv = {
  name: 'edges',
  kind: 'Conv2D',
  input_shape: [6, 5, 2],
  output_shape: [6, 5, 3],
  activation: 'relu',
  parameters: 57,
  pre: 0,
  post: 1,
  kernel_size: [3, 3],
  strides: [1, 1],
  padding: 'same',
  receptive_field: { size: [3, 3], step: [1, 1], start: [-1, -1] },
};
const pool = {
  name: 'less',
  kind: 'MaxPooling2D',
  input_shape: [6, 5, 3],
  output_shape: [3, 2, 3],
  activation: 'linear',
  parameters: 0,
  pre: 2,
  post: 2,
  kernel_size: [2, 2],
  strides: [2, 2],
  padding: 'valid',
  receptive_field: { size: [4, 4], step: [2, 2], start: [-1, -1] },
};
const flat = {
  name: 'row',
  kind: 'Flatten',
  input_shape: [3, 2, 3],
  output_shape: [18],
  activation: 'linear',
  parameters: 0,
  pre: 3,
  post: 3,
  receptive_field: null,
};
const dense = {
  name: 'classes',
  kind: 'Dense',
  input_shape: [18],
  output_shape: [2],
  activation: 'softmax',
  parameters: 38,
  pre: 4,
  post: 5,
  receptive_field: null,
};
/** A network with a layer of each family, with padding, and with cells that pooling does not read. */
export const manifest = {
  name: 'toy',
  version: 1,
  labels: ['a', 'b'],
  parameters: 95,
  input: { height: 6, width: 5, channels: 2 },
  in_distribution: { threshold: 2 },
  layers: [conv, pool, flat, dense],
};
export const network = new Network(manifest);
