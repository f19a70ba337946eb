// Where the layers stand in the 3-D picture: x to the right, y up, and the flow away from the viewer,
// towards negative z. A layer is a block: tiles of its maps in a plane, or boxes of its units.

import { DIGIT } from '../models/network.js';

// Sizes in the picture's own unit.
const SPACING = 5.5; // between layers
const INPUT_SIDE = 6; // of the input's longer side
const MAP_SIDE = 1.5; // of a map as large as the input
const UNIT_SIDE = 0.26;
const CLASS_SIDE = 1;
const MAP_GAP = 0.18;
const UNIT_GAP = 0.06;
const UNITS_PER_ROW = 32;

/** Lay out the input and all layers.
 *
 * @returns [{name, layer (null for the input), count tiles of rows × columns cells, across × down tiles,
 *   cell: its side, pitch: {x, y} from tile to tile, width, height, z, isFlat, isClasses}]
 */
export function layoutOf(network) {
  const { input, layers, last } = network;
  const side = Math.max(input.height, input.width);
  const first = { count: input.channels, rows: input.height, columns: input.width };
  const blocks = layers.map((layer, index) => {
    const isClasses = layer === last && network.hasClasses;
    const { rows, columns, channels: count, isFlat } = layer;
    const across = isClasses ? 1 : isFlat ? Math.min(count, UNITS_PER_ROW) : tilesAcross(count);
    const longer = Math.max(rows, columns);
    // By the square root, so that small maps stay visible and large ones are still larger.
    const cell = isFlat ? unitSide(isClasses) : (MAP_SIDE * Math.sqrt(longer / side)) / longer;
    const gap = isClasses ? 4 * UNIT_GAP : isFlat ? UNIT_GAP : MAP_GAP;
    const fields = { name: layer.name, layer, isFlat, isClasses, count, rows, columns };
    return block({ ...fields, across, cell, gap, z: -SPACING * (index + 1) });
  });
  const across = tilesAcross(first.count);
  const cell = INPUT_SIDE / side / Math.ceil(first.count / across);
  const fields = { name: DIGIT, layer: null, isFlat: false, isClasses: false, ...first };
  return [block({ ...fields, across, cell, gap: MAP_GAP, z: 0 }), ...blocks];
}

const unitSide = (isClass) => (isClass ? CLASS_SIDE : UNIT_SIDE);

function block({ gap, ...fields }) {
  const { count, across, rows, columns, cell } = fields;
  const down = Math.ceil(count / across);
  const pitch = { x: columns * cell + gap, y: rows * cell + gap };
  return { ...fields, down, pitch, width: across * pitch.x - gap, height: down * pitch.y - gap };
}

/** Return how many tiles stand beside each other: about a square, rather high than wide, and where
 * possible with full rows.
 */
function tilesAcross(count) {
  const root = Math.floor(Math.sqrt(count));
  for (let across = root; across > root / 2; across--) if (count % across === 0) return across;
  return root;
}

/** Return the rectangle of a region of a channel's tile, or of the whole tile: {left, top, width, height}. */
export function rectangle(block, channel, region = null) {
  const { across, cell, pitch } = block;
  const whole = { top: 0, left: 0, height: block.rows, width: block.columns };
  const { top, left, height, width } = region ?? whole;
  return {
    left: (channel % across) * pitch.x + left * cell - block.width / 2,
    top: block.height / 2 - Math.floor(channel / across) * pitch.y - top * cell,
    width: width * cell,
    height: height * cell,
  };
}

/** Return the centre of a region, as `rectangle` has it: [x, y, z]. */
export function centre(block, channel, region = null) {
  const { left, top, width, height } = rectangle(block, channel, region);
  return [left + width / 2, top - height / 2, block.z];
}

/** Return the size of a block's texture: one texel per cell, tile beside tile without gaps. */
export const textureSize = ({ across, down, rows, columns }) => [across * columns, down * rows];

/** Return the index of each value's texel, for values whose channels come last. */
export function texels(block) {
  const { across, count, rows, columns } = block;
  const [width] = textureSize(block);
  return Uint32Array.from({ length: count * rows * columns }, (_, index) => {
    const [channel, place] = [index % count, Math.floor(index / count)];
    const row = Math.floor(channel / across) * rows + Math.floor(place / columns);
    return row * width + (channel % across) * columns + (place % columns);
  });
}

/** Return the cell at texture coordinates, 0–1 from the left and from the top; null where no tile is. */
export function cellAt(block, u, v) {
  const { name, across, count, rows, columns, isFlat } = block;
  const [x, y] = [u, v].map((at, axis) => {
    const size = textureSize(block)[axis];
    return Math.min(Math.floor(at * size), size - 1);
  });
  const channel = Math.floor(y / rows) * across + Math.floor(x / columns);
  if (channel >= count) return null;
  return isFlat ? { layer: name, channel } : { layer: name, channel, row: y % rows, column: x % columns };
}

/** Return the corners of a block's plane: [[x, y, z]]. */
export function cornersOf({ width, height, z }) {
  return [-1, 1].flatMap((x) => [-1, 1].map((y) => [(x * width) / 2, (y * height) / 2, z]));
}
