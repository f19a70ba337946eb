import { tiles } from './layout.js';

// Sizes of a tile at scale 1, CSS pixels.
const DIGIT = 56;
const [LARGE_MAP, SMALL_MAP] = [26, 19]; // small: of at most 8 cells a side
const [FEW_UNITS, SOME_UNITS, MANY_UNITS] = [10, 5, 3]; // at most 64, at most 256, more
const [LEAST_GAP, LARGEST_GAP] = [16, 84]; // between columns, for the links
const LARGEST_SCALE = 3;
const STEP = 0.125;

/** Lay out the tiles of all columns of the main picture, as large as fit.
 *
 * @param columns [{count, rows, columns, least}]: the digit first, without the classes; `least` is the
 *   smallest side of a tile, where it has to be larger than its place, such as a kernel.
 * @param room {width, height} for the tiles and the gaps after each column.
 * @returns {layouts: one per column (layout.js), gap}; wider than the room where not even the smallest
 *   tiles fit.
 */
export function pictureLayout(columns, { width, height }) {
  for (let scale = LARGEST_SCALE; ; scale -= STEP) {
    const layouts = columns.map((column, i) => layoutOf(column, i === 0, scale, height));
    const free = width - layouts.reduce((sum, layout) => sum + layout.width, 0);
    const gap = Math.floor(free / columns.length);
    if (gap < LEAST_GAP && scale > 1) continue;
    return { layouts, gap: Math.min(Math.max(gap, LEAST_GAP), LARGEST_GAP) };
  }
}

function layoutOf({ count, rows, columns, least = 0 }, isDigit, scale, height) {
  const side = Math.max(rows, columns);
  const size = (isDigit ? DIGIT : sizeOf(count, side)) * scale;
  const factor = Math.max(Math.round(size / side), 1);
  return tiles(count, rows, columns, Math.max(factor * side, least), height);
}

function sizeOf(count, side) {
  if (side > 1) return side <= 8 ? SMALL_MAP : LARGE_MAP;
  if (count <= 64) return FEW_UNITS;
  return count <= 256 ? SOME_UNITS : MANY_UNITS;
}
