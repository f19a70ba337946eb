/** The exhibits in the lecture's order; each is loaded when it is first opened. */
export const EXHIBITS = {
  convolution: () => import('./exhibits/convolution.js'),
  kernels: () => import('./exhibits/kernels.js'),
  channels: () => import('./exhibits/channels.js'),
  stride: () => import('./exhibits/stride.js'),
  relu: () => import('./exhibits/relu.js'),
  pooling: () => import('./exhibits/pooling.js'),
  connections: () => import('./exhibits/connections.js'),
  shift: () => import('./exhibits/shift.js'),
  flow: () => import('./exhibits/flow.js'),
  training: () => import('./exhibits/training.js'),
  model: () => import('./exhibits/model.js'),
};
