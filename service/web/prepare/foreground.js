// The foreground of a drawing: black strokes with smooth edges on a background that is white throughout.
//
// Noise is not measured as the service does, because strokes of the page's brushes have none.

import { boundingBox, crop } from './components.js';

const WHITE = 255;
const GRID = 32; // cells a side on which the service estimates the background's tone
const BACKGROUND_WEIGHT = 0.5; // weight of white cells above which the service fits no illumination
const MIN_CONTRAST = 10; // fainter pixels are background
const EDGE_SHARE = 0.08; // of the full contrast, at which the smooth edge of a stroke begins
const MAX_STROKES = 0.2; // share of a drawing at whose edges the service looks for no desk or shadow

/** Separate the strokes of a drawing from its background.
 *
 * @param raster {pixels, width, height}.
 * @returns null where nothing is drawn, else the smallest part with all strokes: {box: its place in the
 *   drawing; mask: {values, width, height}, 1 from a stroke's edge inwards; certain: Uint8Array, 1 from half
 *   of the full contrast; intensity: Uint8Array, 0 background to 255; isPlain: whether the service, too,
 *   sees dark strokes on an even background and no sheet, shadow or bar}.
 */
export function findForeground(raster) {
  const { width, height } = raster;
  const contrasts = { values: new Uint8Array(width * height), width, height };
  for (let i = 0; i < raster.pixels.length; i++) contrasts.values[i] = WHITE - raster.pixels[i];
  const box = boundingBox(contrasts, 0);
  if (!box) return null;
  const part = crop(contrasts, box);
  const full = fullContrast(part.values);
  if (!full) return null;
  const foreground = { box, ...split(part, full) };
  return { ...foreground, isPlain: hasEvenBackground(raster) && fillsNoEdge(foreground, contrasts) };
}

/** Compare each pixel's contrast with the full contrast. */
function split({ values, width, height }, full) {
  const [intensity, mask, certain] = Array.from({ length: 3 }, () => new Uint8Array(values.length));
  const possibleFrom = Math.fround(Math.min(EDGE_SHARE * full, full / 2));
  const factor = Math.fround(255 / full);
  for (let i = 0; i < values.length; i++) {
    intensity[i] = Math.min(Math.fround(values[i] * factor), 255);
    mask[i] = values[i] > possibleFrom;
    certain[i] = values[i] > full / 2;
  }
  return { mask: { values: mask, width, height }, certain, intensity };
}

/** Return the contrast of full foreground: a quantile of that of strong pixels, 0 without any. */
function fullContrast(contrast) {
  const counts = new Uint32Array(256);
  for (const value of contrast) counts[value]++;
  let sum = 0;
  let squares = 0;
  for (let value = MIN_CONTRAST + 1; value < 256; value++) {
    sum += counts[value] * value;
    squares += counts[value] * value * value;
  }
  if (!sum) return 0;
  const first = Math.max(Math.floor(squares / sum / 2), MIN_CONTRAST) + 1;
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

/** Return whether no part of the strokes can be taken for a desk, a shadow or a bar at the edge.
 *
 * Of a mostly white drawing the service suspects only strokes at an edge that are large or in a corner.
 */
function fillsNoEdge({ box, mask }, { values, width, height }) {
  if (2 * count(values) >= values.length) return false;
  const isAtEdge = box.top === 0 || box.left === 0 || box.bottom === height || box.right === width;
  const corners = [0, width - 1, values.length - width, values.length - 1];
  const isInCorner = corners.some((at) => values[at] > 0);
  return !isAtEdge || (count(mask.values) < MAX_STROKES * values.length && !isInCorner);
}

/** Count the values above 0. */
function count(values) {
  let total = 0;
  for (let i = 0; i < values.length; i++) if (values[i] > 0) total++;
  return total;
}
