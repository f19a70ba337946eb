import { seeded } from '../lib/math.js';
import { DRAWING_SIZE } from './strokes.js';

/** Convert a pixel, 0–255, to the float32 that the model computes with, 0–1. */
export const intensity = (byte) => Math.fround(byte / 255);

/** Return the intensities of all pixels, channels last. */
export const intensities = ({ pixels }) => Float32Array.from(pixels, intensity);

/** Return the mean intensity over all channels of each pixel, float32. */
export function meanIntensities({ pixels, channels }) {
  return Float32Array.from({ length: pixels.length / channels }, (_, i) => {
    const pixel = pixels.subarray(i * channels, (i + 1) * channels);
    return pixel.reduce((total, byte) => total + byte) / channels / 255;
  });
}

/** Return random pixels for a model's input, the same for the same seed, so that a link can name them. */
export function randomDigit({ height, width, channels }, seed) {
  const next = seeded(seed);
  const pixels = Uint8Array.from({ length: height * width * channels }, () => next() >>> 24);
  return { pixels, height, width, channels };
}

/** Average a drawing down to a model's input, strokes 255 on 0, the same in every channel.
 *
 * This is for models other than MNIST's, because the service preprocesses images for MNIST only.
 */
export function shrink(raster, { height, width, channels }) {
  const sums = new Float64Array(height * width);
  const counts = new Float64Array(height * width);
  for (let y = 0; y < DRAWING_SIZE; y++) {
    for (let x = 0; x < DRAWING_SIZE; x++) {
      const cell = Math.floor((y * height) / DRAWING_SIZE) * width + Math.floor((x * width) / DRAWING_SIZE);
      sums[cell] += 255 - raster.pixels[y * DRAWING_SIZE + x];
      counts[cell]++;
    }
  }
  const pixels = new Uint8Array(height * width * channels);
  sums.forEach((sum, i) => pixels.fill(Math.round(sum / counts[i]), i * channels, (i + 1) * channels));
  return { pixels, height, width, channels };
}

/** Return a digit with changed pixels: changes of the kind "pixel" (compute/edits.js), values 0–1. */
export function withPixels(digit, changes) {
  const changed = changes.filter(({ kind }) => kind === 'pixel');
  if (!changed.length) return digit;
  const pixels = Uint8Array.from(digit.pixels);
  for (const { index, value } of changed) pixels[index] = Math.round(255 * value);
  return { ...digit, pixels };
}
