const MAX_COLUMN_HEIGHT = 340; // CSS pixels
const GAP = 3;

/** Lay out a layer's tiles: enlarged by a whole number, as many below each other as fit.
 *
 * @param size about how large a tile is to be, CSS pixels.
 * @param height at most, CSS pixels.
 * @returns {rows, columns} cells of a tile, `factor` pixels per cell, `across` × `down` tiles,
 *   `pitch` from tile to tile both ways, and the whole width and height.
 */
export function tiles(count, rows, columns, size = tileSize(count, Math.max(rows, columns)), height = MAX_COLUMN_HEIGHT) {
  const side = Math.max(rows, columns);
  const factor = Math.max(1, Math.floor(size / side));
  const gap = side === 1 && factor < 8 ? 0 : side === 1 ? 1 : GAP;
  const pitch = { x: columns * factor + gap, y: rows * factor + gap };
  const across = Math.ceil(count / Math.max(1, Math.floor((height + gap) / pitch.y)));
  const down = Math.ceil(count / across);
  return {
    count,
    rows,
    columns,
    factor,
    across,
    down,
    pitch,
    width: across * pitch.x - gap,
    height: down * pitch.y - gap,
  };
}

function tileSize(count, side) {
  if (side > 1) return side <= 8 ? 20 : 26;
  return count > 256 ? 6 : count > 64 ? 11 : 17;
}

/** Return where the tile of a channel begins; channels run across, then down. */
export function tileAt({ across, pitch }, channel) {
  return { x: (channel % across) * pitch.x, y: Math.floor(channel / across) * pitch.y };
}

/** Return the channel whose tile covers a point; null where no tile does. */
export function channelAt({ across, pitch, count, width, height }, x, y) {
  if (x < 0 || y < 0 || x >= width || y >= height) return null;
  const channel = Math.floor(y / pitch.y) * across + Math.floor(x / pitch.x);
  return channel < count ? channel : null;
}

/** Return the channel that an arrow key moves to; null for another key. */
export function stepTo({ across, count }, channel, key) {
  const step = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -across, ArrowDown: across }[key];
  if (key === 'Home') return 0;
  if (key === 'End') return count - 1;
  if (step === undefined) return null;
  return channel + step >= 0 && channel + step < count ? channel + step : channel;
}

/** Return how many slices of a filter to place in a row, so that they make about a square. */
export function mosaic(slices, rows, columns) {
  const across = Math.ceil(Math.sqrt((slices * rows) / columns));
  return { across, rows: Math.ceil(slices / across) * rows, columns: across * columns };
}

// Sizes of a tile at scale 1, CSS pixels.
const DIGIT_SIDE = 56;
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
  const size = (isDigit ? DIGIT_SIDE : sideOf(count, side)) * scale;
  const factor = Math.max(Math.round(size / side), 1);
  return tiles(count, rows, columns, Math.max(factor * side, least), height);
}

function sideOf(count, side) {
  if (side > 1) return side <= 8 ? SMALL_MAP : LARGE_MAP;
  if (count <= 64) return FEW_UNITS;
  return count <= 256 ? SOME_UNITS : MANY_UNITS;
}
