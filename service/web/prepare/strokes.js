// Resampling with area weights, and stroke widths. An image is {values: Float32Array, width, height}.
//
// The weights are rounded to float32 as the service's are: a value in the middle of two grey levels would
// else often be rounded to the other one.

import { clamp } from '../lib/math.js';
import { boundingBox, crop } from './components.js';

const LONGER = 20; // pixels of the longer side of MNIST's digits
const [THINNEST, THICKEST] = [1.7, 3.2]; // MNIST pixels: stroke widths between these are not changed
const FINE = 80; // pixels of the longer side at which strokes are dilated and eroded
const { fround } = Math;

/** Round to the nearest whole number, and the middle of two to the even one, as NumPy and Python do. */
export function roundHalfToEven(value) {
  const rounded = Math.round(value);
  return rounded - value === 0.5 && rounded % 2 ? rounded - 1 : rounded;
}

/** Resample an image to a longer side of `longer` pixels; keep the aspect ratio. */
export function resample({ values, width, height }, longer = LONGER) {
  const scale = longer / Math.max(width, height);
  const rows = areaWeights(height, scale);
  const columns = areaWeights(width, scale);
  const down = product(values, rows, { count: width, stride: width, next: 1 });
  const turned = { count: rows.length, stride: 1, next: width };
  const across = product(down, columns, turned); // one column after the other
  const result = new Float32Array(across.length);
  for (let i = 0; i < across.length; i++) {
    result[(i % rows.length) * columns.length + Math.floor(i / rows.length)] = across[i];
  }
  return { values: result, width: columns.length, height: rows.length };
}

/** Return the weighted sums along an axis: for each of `weights`, those of `count` lines of values. */
function product(values, weights, { count, stride, next }) {
  const sums = new Float32Array(weights.length * count);
  weights.forEach(({ first, factors }, i) => {
    for (let line = 0; line < count; line++) {
      let sum = 0;
      let at = first * stride + line * next;
      for (let k = 0; k < factors.length; k++, at += stride) sum += factors[k] * values[at];
      sums[i * count + line] = sum;
    }
  });
  return sums;
}

/** Return for each scaled pixel which of `length` pixels it covers, {first, factors}. */
function areaWeights(length, scale) {
  const scaled = Math.max(roundHalfToEven(length * scale), 1);
  const offset = fround((length - scaled / scale) / 2); // centres the rounding error
  const side = Math.max(1 / scale, 1); // when upscaling, linear interpolation
  return Array.from({ length: scaled }, (_, i) => {
    const middle = fround(fround((i + 0.5) / fround(scale)) + offset);
    const [low, high] = [fround(middle - fround(side / 2)), fround(middle + fround(side / 2))];
    const first = clamp(Math.floor(low), 0, length - 1);
    const last = clamp(Math.ceil(high), first + 1, length);
    const factors = Float32Array.from({ length: last - first }, (__, k) => {
      const covered = fround(Math.min(high, first + k + 1) - Math.max(low, first + k));
      return Math.max(covered, 0) / fround(side);
    });
    return { first, factors };
  });
}

/** Dilate or erode strokes that are far thinner or thicker than MNIST's; the size may change. */
export function normaliseStrokes(image) {
  const width = strokeWidth(resample(image, 2 * LONGER)) / 2;
  const target = clamp(width, THINNEST, THICKEST);
  if (target === width) return image;
  const steps = ((Math.abs(target - width) / 2) * FINE) / LONGER; // one pixel of the outline each
  const fine = padded(resample(image, FINE), Math.floor(steps) + 1);
  const changed = target > width ? dilate(fine, steps) : inverted(dilate(inverted(fine), steps));
  return crop(changed, boundingBox(changed, Math.max(...changed.values) / 8));
}

/** Return the mean stroke width in pixels: twice the area divided by the outline's length, which is measured
 * by its crossings along rows and columns (Cauchy–Crofton).
 */
function strokeWidth(image) {
  const { values, width } = padded(image, 1);
  let area = 0;
  let outline = 0;
  for (let i = 0; i < values.length; i++) {
    area += values[i];
    if (i >= width) outline += Math.abs(values[i] - values[i - width]);
    if (i % width) outline += Math.abs(values[i] - values[i - 1]);
  }
  return (2 * area) / ((Math.PI / 4) * outline);
}

function padded({ values, width, height }, margin) {
  const result = {
    values: new Float32Array((width + 2 * margin) * (height + 2 * margin)),
    width: width + 2 * margin,
    height: height + 2 * margin,
  };
  for (let y = 0; y < height; y++) {
    result.values.set(values.subarray(y * width, (y + 1) * width), (y + margin) * result.width + margin);
  }
  return result;
}

/** Dilate by `steps` pixels, the last one in part. A cross and a square alternate, which is about a disc. */
function dilate({ values, width, height }, steps) {
  let image = values;
  for (let step = 0; step < Math.ceil(steps); step++) {
    const along = dilatedAlong(image, width);
    const neighbours = step % 2 ? along : image;
    const share = Math.min(steps - step, 1);
    const next = new Float32Array(image.length);
    for (let i = 0; i < image.length; i++) {
      let most = along[i];
      if (i >= width && neighbours[i - width] > most) most = neighbours[i - width];
      if (i + width < image.length && neighbours[i + width] > most) most = neighbours[i + width];
      next[i] = image[i] + share * (most - image[i]);
    }
    image = next;
  }
  return { values: image, width, height };
}

/** Return the largest of each value and its neighbours to the left and right. */
function dilatedAlong(values, width) {
  const result = values.slice();
  for (let row = 0; row < values.length; row += width) {
    for (let i = row + 1; i < row + width; i++) {
      if (values[i - 1] > result[i]) result[i] = values[i - 1];
      if (values[i] > result[i - 1]) result[i - 1] = values[i];
    }
  }
  return result;
}

const inverted = (image) => ({ ...image, values: image.values.map((value) => 255 - value) });
