const TALLEST = 340; // a column of tiles, CSS pixels
const GAP = 3;

/** How a layer's tiles stand: whole-number enlargement, as many below each other as fit.
 *
 * @param wanted about how large a tile is to be, CSS pixels.
 * @returns {rows, columns} cells of a tile, `factor` pixels a cell, `across` × `down` tiles,
 *   `pitch` from tile to tile both ways, width and height of it all.
 */
export function tiles(count, rows, columns, wanted = tileSize(count, Math.max(rows, columns))) {
  const side = Math.max(rows, columns);
  const factor = Math.max(1, Math.floor(wanted / side));
  const gap = side === 1 && factor < 8 ? 0 : side === 1 ? 1 : GAP;
  const pitch = { x: columns * factor + gap, y: rows * factor + gap };
  const across = Math.ceil(count / Math.max(1, Math.floor((TALLEST + gap) / pitch.y)));
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

/** Where a channel's tile begins. Channels run across, then down. */
export function tileAt({ across, pitch }, channel) {
  return { x: (channel % across) * pitch.x, y: Math.floor(channel / across) * pitch.y };
}

/** The channel whose tile covers a point; null beside all tiles. */
export function channelAt({ across, pitch, count, width, height }, x, y) {
  if (x < 0 || y < 0 || x >= width || y >= height) return null;
  const channel = Math.floor(y / pitch.y) * across + Math.floor(x / pitch.x);
  return channel < count ? channel : null;
}

/** The channel that an arrow key leads to; null for another key. */
export function stepTo({ across, count }, channel, key) {
  const step = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -across, ArrowDown: across }[key];
  if (key === 'Home') return 0;
  if (key === 'End') return count - 1;
  if (step === undefined) return null;
  return channel + step >= 0 && channel + step < count ? channel + step : channel;
}

/** How many slices of a filter stand in a row, so that they make about a square. */
export function mosaic(slices, rows, columns) {
  const across = Math.ceil(Math.sqrt((slices * rows) / columns));
  return { across, rows: Math.ceil(slices / across) * rows, columns: across * columns };
}
