import { seeded } from '../lib/random.js';

const WORD = 2 ** 32;

/** A map with normal noise added, the same for the same seed (Box and Muller's way). */
export function noisy(map, deviation, seed) {
  const next = seeded(seed);
  const uniform = () => (next() + 0.5) / WORD; // never 0: its logarithm is taken
  const values = map.values.map(
    (value) => value + deviation * Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform()),
  );
  return { ...map, values };
}

/** The root of the mean squared difference of two maps. */
export function difference(a, b) {
  const total = a.values.reduce((sum, value, i) => sum + (value - b.values[i]) ** 2, 0);
  return Math.sqrt(total / a.values.length);
}
