// The activation functions of the networks that the page computes itself, and their derivatives.

/** name → {of: value → value, slope: value → derivative at the value} */
export const ACTIVATIONS = {
  linear: { of: (x) => x, slope: () => 1 },
  relu: { of: (x) => (x > 0 ? x : 0), slope: (x) => (x > 0 ? 1 : 0) },
  tanh: { of: Math.tanh, slope: (x) => 1 - Math.tanh(x) ** 2 },
  sigmoid: { of: sigmoid, slope: (x) => sigmoid(x) * (1 - sigmoid(x)) },
};

function sigmoid(x) {
  return (1 + Math.tanh(x / 2)) / 2; // 1 / (1 + exp(-x)) overflows far below 0
}

export const SOFTMAX = 'softmax';

/** Return the values after an activation function; a softmax compares the channels of each place.
 *
 * @param channels the number of the last axis.
 */
export function activate(name, values, channels) {
  if (name === 'linear') return values;
  if (name === SOFTMAX) return softmax(values, channels);
  const { of } = ACTIVATIONS[name];
  const result = new Float32Array(values.length);
  for (let i = 0; i < values.length; i++) result[i] = of(values[i]);
  return result;
}

function softmax(values, channels) {
  const result = new Float32Array(values.length);
  for (let first = 0; first < values.length; first += channels) {
    let largest = -Infinity;
    for (let i = first; i < first + channels; i++) largest = Math.max(largest, values[i]);
    let sum = 0;
    for (let i = first; i < first + channels; i++) sum += Math.exp(values[i] - largest);
    for (let i = first; i < first + channels; i++) result[i] = Math.exp(values[i] - largest) / sum;
  }
  return result;
}
