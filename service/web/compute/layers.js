// The arithmetic of each kind of layer that the page computes itself: forward, and backward for
// gradients. Values are float32, channels last, as in the service.

import { eachTap, paddingOf } from './windows.js';

/** kind → {forward, backward}
 *
 * forward(layer, weights, inputs) → the values before the activation function
 * backward(layer, weights, inputs, gradient) → the gradient of the inputs, from that of these values
 *
 * weights: {kernel, bias} or {} for layers without weights.
 */
const OPERATIONS = {
  Conv2D: { forward: convolve, backward: convolveBack },
  Dense: { forward: multiply, backward: multiplyBack },
  MaxPooling2D: { forward: poolLargest, backward: poolLargestBack },
  AveragePooling2D: { forward: poolMean, backward: poolMeanBack },
  Flatten: { forward: (_, __, inputs) => inputs, backward: (_, __, ___, gradient) => gradient },
  Dropout: { forward: (_, __, inputs) => inputs, backward: (_, __, ___, gradient) => gradient },
};

export const COMPUTED_KINDS = Object.keys(OPERATIONS);

export const operationOf = (layer) => OPERATIONS[layer.kind];

const sizeOf = (shape) => shape.reduce((product, side) => product * side, 1);

/** Not by `eachTap`, because this loop takes nearly all of the time. */
function convolve(layer, { kernel, bias }, inputs) {
  const [height, width, channels] = layer.inputShape;
  const [rows, columns, filters] = layer.outputShape;
  const [kernelRows, kernelColumns] = layer.kernelSize;
  const [down, across] = layer.strides;
  const { top, left } = paddingOf(layer);
  const result = new Float32Array(rows * columns * filters);
  const sums = new Float64Array(filters);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      for (let filter = 0; filter < filters; filter++) sums[filter] = bias ? bias[filter] : 0;
      for (let i = 0; i < kernelRows; i++) {
        const y = row * down - top + i;
        if (y < 0 || y >= height) continue;
        for (let j = 0; j < kernelColumns; j++) {
          const x = column * across - left + j;
          if (x < 0 || x >= width) continue;
          const input = (y * width + x) * channels;
          let from = (i * kernelColumns + j) * channels * filters;
          for (let channel = 0; channel < channels; channel++, from += filters) {
            const value = inputs[input + channel];
            if (value === 0) continue; // most cells after a ReLU, and most pixels
            for (let filter = 0; filter < filters; filter++) sums[filter] += value * kernel[from + filter];
          }
        }
      }
      result.set(sums, (row * columns + column) * filters);
    }
  }
  return result;
}

function convolveBack(layer, { kernel }, inputs, gradient) {
  const channels = layer.inputShape[2];
  const filters = layer.outputShape[2];
  const result = new Float64Array(inputs.length);
  eachTap(layer, (output, input, tap) => {
    for (let channel = 0; channel < channels; channel++) {
      const from = (tap * channels + channel) * filters;
      let sum = 0;
      for (let filter = 0; filter < filters; filter++)
        sum += gradient[output * filters + filter] * kernel[from + filter];
      result[input * channels + channel] += sum;
    }
  });
  return result;
}

function multiply(layer, { kernel, bias }, inputs) {
  const units = layer.outputShape[0];
  const sums = biased(units, units, bias);
  for (let i = 0; i < inputs.length; i++) {
    if (inputs[i] === 0) continue;
    for (let unit = 0; unit < units; unit++) sums[unit] += inputs[i] * kernel[i * units + unit];
  }
  return Float32Array.from(sums);
}

function multiplyBack(layer, { kernel }, inputs, gradient) {
  const units = layer.outputShape[0];
  const result = new Float64Array(inputs.length);
  for (let i = 0; i < inputs.length; i++) {
    for (let unit = 0; unit < units; unit++) result[i] += gradient[unit] * kernel[i * units + unit];
  }
  return result;
}

/** Return float64 sums that begin with the bias of their channel. */
function biased(size, channels, bias) {
  const sums = new Float64Array(size);
  if (bias) for (let i = 0; i < size; i++) sums[i] = bias[i % channels];
  return sums;
}

function poolLargest(layer, _, inputs) {
  const channels = layer.inputShape[2];
  const result = new Float32Array(sizeOf(layer.outputShape)).fill(-Infinity);
  eachTap(layer, (output, input) => {
    for (let channel = 0; channel < channels; channel++) {
      const value = inputs[input * channels + channel];
      const to = output * channels + channel;
      if (value > result[to]) result[to] = value;
    }
  });
  return result;
}

function poolLargestBack(layer, _, inputs, gradient) {
  const channels = layer.inputShape[2];
  const result = new Float64Array(inputs.length);
  const largest = new Float32Array(gradient.length).fill(-Infinity);
  const winners = new Int32Array(gradient.length);
  eachTap(layer, (output, input) => {
    for (let channel = 0; channel < channels; channel++) {
      const from = input * channels + channel;
      const to = output * channels + channel;
      if (inputs[from] > largest[to]) [largest[to], winners[to]] = [inputs[from], from];
    }
  });
  winners.forEach((winner, i) => (result[winner] += gradient[i]));
  return result;
}

function poolMean(layer, _, inputs) {
  const channels = layer.inputShape[2];
  const sums = new Float64Array(sizeOf(layer.outputShape));
  const counts = countsOf(layer);
  eachTap(layer, (output, input) => {
    for (let channel = 0; channel < channels; channel++)
      sums[output * channels + channel] += inputs[input * channels + channel];
  });
  return Float32Array.from(sums, (sum, i) => sum / counts[Math.floor(i / channels)]);
}

function poolMeanBack(layer, _, inputs, gradient) {
  const channels = layer.inputShape[2];
  const result = new Float64Array(inputs.length);
  const counts = countsOf(layer);
  eachTap(layer, (output, input) => {
    for (let channel = 0; channel < channels; channel++)
      result[input * channels + channel] += gradient[output * channels + channel] / counts[output];
  });
  return result;
}

/** Return the number of cells in each window, without padding. */
function countsOf(layer) {
  const counts = new Int32Array(layer.outputShape[0] * layer.outputShape[1]);
  eachTap(layer, (output) => counts[output]++);
  return counts;
}
