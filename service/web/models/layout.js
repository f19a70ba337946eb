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
