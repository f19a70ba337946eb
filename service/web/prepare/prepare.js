// Prepares a drawing as the service's `service/images/digit/preprocessing.py` does, without the service.
//
// It has only the steps that drawings need: strokes on a clean white background. Where the service may do
// more, such as removing a frame, the result is marked as uncertain.

import { clamp } from '../lib/math.js';
import { DRAWING_SIZE } from '../models/strokes.js';
import { crop, findComponents } from './components.js';
import { findForeground } from './foreground.js';
import { normaliseStrokes, resample, roundHalfToEven } from './strokes.js';
import { findStrokes, mayHaveSurroundings } from './surroundings.js';

export const DIGIT_SIZE = 28;
const MIDDLE = DIGIT_SIZE / 2; // pixel index of the centre of mass of MNIST's digits

/** Prepare a drawing in MNIST's form.
 *
 * @param raster {pixels, width, height}: 256 × 256, black strokes on white, see `models/strokes.js`.
 * @returns {digit: Uint8Array of 28 × 28, strokes 255 on 0; isUncertain: whether the service may have
 *   another result}, or null where nothing is drawn.
 */
export function prepareDrawing(raster) {
  if (raster.width !== DRAWING_SIZE || raster.height !== DRAWING_SIZE) {
    throw new RangeError(`A drawing has 256 × 256 pixels, not ${raster.width} × ${raster.height}.`);
  }
  const foreground = findForeground(raster);
  if (!foreground) return null;
  const components = findComponents(foreground.mask);
  measure(components, foreground);
  const strokes = findStrokes(components.parts);
  if (!strokes.length) return null;
  const isUncertain = !foreground.isPlain || mayHaveSurroundings(foreground.mask, components, strokes);
  return { digit: normalise(foreground, components, strokes), isUncertain };
}

/** Add to each component its number of certain pixels, and whether it touches the drawing's edge. */
function measure({ labels, parts }, { box, certain }) {
  for (const part of parts) {
    part.certain = 0;
    part.isAtEdge =
      part.top + box.top === 0 ||
      part.left + box.left === 0 ||
      part.bottom + box.top === DRAWING_SIZE ||
      part.right + box.left === DRAWING_SIZE;
  }
  for (let i = 0; i < certain.length; i++) if (certain[i]) parts[labels[i]].certain++;
}

/** Normalise the size, stroke width and position of strokes to MNIST's. */
function normalise({ intensity, mask: { width, height } }, { labels, parts }, strokes) {
  const isStroke = parts.map((part) => strokes.includes(part));
  const values = new Float32Array(intensity.length);
  for (let i = 0; i < values.length; i++) {
    if (labels[i] >= 0 && isStroke[labels[i]]) values[i] = intensity[i];
  }
  const box = {
    top: Math.min(...strokes.map(({ top }) => top)),
    left: Math.min(...strokes.map(({ left }) => left)),
    bottom: Math.max(...strokes.map(({ bottom }) => bottom)),
    right: Math.max(...strokes.map(({ right }) => right)),
  };
  const image = crop({ values, width, height }, box);
  const resized = resample(normaliseStrokes(image));
  const factor = Math.fround(255 / Math.max(...resized.values));
  const levels = Uint8Array.from(resized.values, (value) => roundHalfToEven(Math.fround(value * factor)));
  return place(levels, resized.width, resized.height);
}

/** Place a digit on 28 × 28 pixels so that its centre of mass is in the middle. */
function place(levels, width, height) {
  let [mass, down, across] = [0, 0, 0];
  levels.forEach((level, i) => {
    mass += level;
    down += level * Math.floor(i / width);
    across += level * (i % width);
  });
  const top = corner(down / mass, height);
  const left = corner(across / mass, width);
  const digit = new Uint8Array(DIGIT_SIZE * DIGIT_SIZE);
  for (let y = 0; y < height; y++) {
    digit.set(levels.subarray(y * width, (y + 1) * width), (top + y) * DIGIT_SIZE + left);
  }
  return digit;
}

/** Return where a side of `length` pixels starts to have its centre of mass in the middle. */
function corner(centre, length) {
  return clamp(Math.ceil(MIDDLE - 0.5 - centre), 0, DIGIT_SIZE - length);
}
