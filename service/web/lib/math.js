// Small numeric functions that models, parts and the lab share.

/** Return `value`, or the nearer of the two limits where it lies beyond them. */
export const clamp = (value, lowest, highest) => Math.min(Math.max(value, lowest), highest);

/** Return the rectified linear unit of a value: max(0, value). */
export const relu = (value) => Math.max(0, value);

export const sum = (numbers) => numbers.reduce((total, number) => total + number, 0);

/** Multiply a patch with a kernel cell by cell; both are rows of numbers. */
export function multiply(patch, kernel) {
  return patch.map((line, row) => line.map((value, column) => value * kernel[row][column]));
}

/** Return one channel of values whose channels come last (float64, one value per cell). */
export function channelValues(values, channels, channel) {
  const own = new Float64Array(values.length / channels);
  for (let i = 0; i < own.length; i++) own[i] = values[i * channels + channel];
  return own;
}

/** Return the largest magnitude of every `step`-th value from `first`, NaN ignored; 1 where all
 * values are 0, because a colour scale needs an extent.
 */
export function extent(values, step = 1, first = 0) {
  let largest = 0;
  for (let i = first; i < values.length; i += step) {
    if (Math.abs(values[i]) > largest) largest = Math.abs(values[i]);
  }
  return largest || 1;
}

/** Return a generator of random 32-bit integers, the same for the same seed (mulberry32). */
export function seeded(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return (mixed ^ (mixed >>> 14)) >>> 0;
  };
}
