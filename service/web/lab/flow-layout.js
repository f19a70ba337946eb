import { tiles } from '../models/layout.js';

// All sizes are CSS pixels.
const GAP = 30; // between layers, for the lines
const LABEL = 92; // beside the classes
const COLUMN_HEIGHT = 340;
const HEAD = 24; // above a layer, for its name

/** Lay out the tiles of all layers in one image: columns from left to right where they fit, else
 * bands from top to bottom.
 *
 * @param layers [{count, rows, columns}], the digit first; `hasLabels` whether the last has labels.
 * @returns {width, height, isVertical, places: [{x, y, …tiles}]}
 */
export function layoutOf(layers, { width, hasLabels }) {
  const columns = layers.map((layer, i) =>
    i ? tiles(layer.count, layer.rows, layer.columns) : digit(layer),
  );
  const label = hasLabels ? LABEL : 0;
  const needed = columns.reduce((sum, layer) => sum + layer.width, label);
  const gaps = columns.length - 1;
  if (needed + gaps * GAP <= width)
    return inColumns(columns, Math.min((width - needed) / gaps, 3 * GAP), label);
  return inBands(
    layers.map((layer, i) => (i ? band(layer, width) : digit(layer))),
    width,
  );
}

function inColumns(columns, gap, label) {
  const height = Math.max(COLUMN_HEIGHT, ...columns.map((layer) => layer.height));
  let x = 0;
  const places = columns.map((layer) => {
    const place = { ...layer, x, y: HEAD + Math.round((height - layer.height) / 2) };
    x = Math.round(x + layer.width + gap);
    return place;
  });
  return { places, width: Math.round(x - gap) + label, height: HEAD + height, isVertical: false };
}

function inBands(bands, width) {
  let y = 0;
  const places = bands.map((layer) => {
    const place = { ...layer, x: Math.max(Math.round((width - layer.width) / 2), 0), y: y + HEAD };
    y += HEAD + layer.height + GAP / 2;
    return place;
  });
  return { places, width, height: y + GAP, isVertical: true }; // The labels are below the classes.
}

function digit({ count, rows, columns }) {
  return tiles(count, rows, columns, 84);
}

/** Lay out tiles of the size that a column has, as many beside each other as fit. */
function band(layer, width) {
  const column = tiles(layer.count, layer.rows, layer.columns);
  const gap = column.pitch.x - column.columns * column.factor;
  const most = Math.max(Math.floor((width + gap) / column.pitch.x), 1);
  const down = Math.ceil(layer.count / most);
  const across = Math.ceil(layer.count / down);
  return {
    ...column,
    across,
    down,
    width: across * column.pitch.x - gap,
    height: down * column.pitch.y - gap,
  };
}
