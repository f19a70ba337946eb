import { seeded } from '../lib/math.js';

const WORD = 2 ** 32;

/** Add normal noise to a map, the same for the same seed (Box–Muller transform). */
export function noisy(map, deviation, seed) {
  const next = seeded(seed);
  const uniform = () => (next() + 0.5) / WORD; // Never 0, because the logarithm of it must exist.
  const values = map.values.map(
    (value) => value + deviation * Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform()),
  );
  return { ...map, values };
}

/** Return the root mean squared error between two maps. */
export function rootMeanSquaredError(a, b) {
  const total = a.values.reduce((sum, value, i) => sum + (value - b.values[i]) ** 2, 0);
  return Math.sqrt(total / a.values.length);
}
