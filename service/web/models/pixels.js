import { seeded } from '../lib/random.js';
import { PAPER } from './strokes.js';

/** A model's input of noise: the same for the same seed, so that a link can name it. */
export function randomDigit({ height, width, channels }, seed) {
  const next = seeded(seed);
  const pixels = Uint8Array.from({ length: height * width * channels }, () => next() >>> 24);
  return { pixels, height, width, channels };
}

/** A drawing averaged down to a model's input, ink 255 on 0, the same in every channel.
 *
 * For models that take no pictures: the service has preprocessing for MNIST's digits alone.
 */
export function shrink(raster, { height, width, channels }) {
  const sums = new Float64Array(height * width);
  const counts = new Float64Array(height * width);
  for (let y = 0; y < PAPER; y++) {
    for (let x = 0; x < PAPER; x++) {
      const cell = Math.floor((y * height) / PAPER) * width + Math.floor((x * width) / PAPER);
      sums[cell] += 255 - raster.pixels[y * PAPER + x];
      counts[cell]++;
    }
  }
  const pixels = new Uint8Array(height * width * channels);
  sums.forEach((sum, i) => pixels.fill(Math.round(sum / counts[i]), i * channels, (i + 1) * channels));
  return { pixels, height, width, channels };
}
