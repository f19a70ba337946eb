// The foreground of a drawing: black strokes with smooth edges on a background that is white throughout.

import { boundingBox } from './components.js';

const WHITE = 255;
const GRID = 32; // cells a side on which the service estimates the background's tone
const BACKGROUND_WEIGHT = 0.5; // weight of white cells above which the service fits no illumination
const MIN_CONTRAST = 10; // fainter pixels are background
const EDGE_SHARE = 0.08; // of the full contrast, at which the smooth edge of a stroke begins
const MAX_STROKES = 0.2; // share of a drawing at whose edges the service looks for no desk or shadow

/** Separate the strokes of a drawing from its background.
 *
 * @param raster {pixels, width, height}.
 * @returns null where nothing is drawn, else the smallest part with all strokes: {width, height; box: its
 *   place in the drawing; intensity: Uint8Array, 0 background to 255; mask, certain: Uint8Array, 1 from a
 *   stroke's edge inwards, and from half of the full contrast; isPlain: whether the service, too, sees
 *   dark strokes on an even background and no sheet, shadow or bar}.
 */
export function findForeground(raster) {
  const box = boundingBox(raster, (at) => raster.pixels[at] !== WHITE);
  if (!box) return null;
  const contrast = crop(raster, box);
  const full = fullContrast(contrast);
  if (full === null) return null;
  const possibleFrom = Math.fround(Math.min(EDGE_SHARE * full, full / 2));
  const factor = Math.fround(255 / full);
  const foreground = {
    box,
    width: box.right - box.left,
    height: box.bottom - box.top,
    intensity: contrast.map((value) => Math.min(Math.fround(value * factor), 255)),
    mask: contrast.map((value) => value > possibleFrom),
    certain: contrast.map((value) => value > full / 2),
  };
  return { ...foreground, isPlain: hasEvenBackground(raster) && fillsNoEdge(foreground, raster) };
}

/** Return the contrast of each pixel of a box to the white background. */
function crop({ pixels, width }, { top, left, bottom, right }) {
  const contrast = new Uint8Array((bottom - top) * (right - left));
  for (let y = top, at = 0; y < bottom; y++) {
    for (let x = left; x < right; x++, at++) contrast[at] = WHITE - pixels[y * width + x];
  }
  return contrast;
}

/** Return the contrast of full foreground: a quantile of that of strong pixels; null without any. */
function fullContrast(contrast) {
  const counts = new Uint32Array(256);
  for (const value of contrast) counts[value]++;
  let sum = 0;
  let squares = 0;
  for (let value = MIN_CONTRAST + 1; value < 256; value++) {
    sum += counts[value] * value;
    squares += counts[value] * value * value;
  }
  if (!sum) return null;
  const first = Math.floor(squares / sum / 2) + 1;
  const strong = counts.subarray(first).reduce((total, count) => total + count, 0);
  let rank = Math.floor((strong * 9) / 10);
  let value = first;
  while (rank >= counts[value]) rank -= counts[value++];
  return value;
}

/** Return whether most of the coarse cells are white, those at the border counting more. */
function hasEvenBackground({ pixels, width }) {
  const side = width / GRID;
  const corner = GRID / 8;
  const isCorner = (row) => row < corner || row >= GRID - corner;
  const isEnd = (row) => row === 0 || row === GRID - 1;
  let weight = 0;
  let white = 0;
  for (let row = 0; row < GRID; row++) {
    for (let column = 0; column < GRID; column++) {
      if (cellMean(pixels, row * side * width + column * side, width, side) < WHITE) continue;
      white++;
      weight += 1 / GRID ** 2;
      if (isEnd(row) || isEnd(column)) weight += 4 / (4 * (GRID - 1));
      if (isCorner(row) && isCorner(column)) weight += 1 / (4 * corner ** 2);
    }
  }
  // A drawing of which all cells are white has no visible stroke; white has to be the median.
  return weight / 6 > BACKGROUND_WEIGHT && white > GRID ** 2 / 2 && white < GRID ** 2;
}

/** Return the mean of a square cell as Pillow rounds it: that of each row, then that of the rows. */
function cellMean(pixels, first, width, side) {
  let rows = 0;
  for (let y = 0; y < side; y++) {
    let sum = 0;
    for (let x = 0; x < side; x++) sum += pixels[first + y * width + x];
    rows += Math.floor(sum / side + 0.5);
  }
  return Math.floor(rows / side + 0.5);
}

/** Return whether no part of the strokes can be taken for a desk, a shadow or a bar at the edge. */
function fillsNoEdge({ box, mask, width, height }, raster) {
  const white = raster.pixels.reduce((count, pixel) => count + (pixel === WHITE), 0);
  if (2 * white <= raster.pixels.length) return false;
  if (box.top > 0 && box.left > 0 && box.bottom < raster.height && box.right < raster.width) return true;
  const strokes = mask.reduce((count, value) => count + value, 0);
  if (strokes >= MAX_STROKES * raster.pixels.length) return false;
  const corners = [
    box.top === 0 && box.left === 0 && mask[0],
    box.top === 0 && box.right === raster.width && mask[width - 1],
    box.bottom === raster.height && box.left === 0 && mask[(height - 1) * width],
    box.bottom === raster.height && box.right === raster.width && mask.at(-1),
  ];
  return !corners.some(Boolean);
}
