// Computes the picture of a network: where each block and, in an open block, each layer is, and the
// curves between them. Sizes are in CSS pixels.

import { nameWithin } from './blocks.js';
import { place, SOURCE } from './lanes.js';

export const [MAP, GAP] = [44, 2]; // the side of a map, and between two
export const MOST_MAPS = 4; // of a block
const TILE = { width: 68, gap: 22, text: 38 }; // text: the height of its two lines
const [PADDING, HEADER, ARC, LANE] = [10, 30, 14, 12];

/** Return {width, height, tiles, boxes, paths}.
 *
 * A tile is {block, layer, name, maps, x, y, width, height} of a closed block, or of a layer in an open
 * one; a box is {block, x, y, width, height} of an open block; a path is one for SVG.
 *
 * @param blocks from `blocksOf`.
 * @param open the identifiers of the open blocks.
 */
export function layoutOf(blocks, open) {
  const owner = new Map(blocks.flatMap((block) => block.layers.map(({ name }) => [name, block])));
  const grid = place(
    blocks.map((block) => ({
      key: block,
      inputs: block.layers
        .flatMap(({ inputs }) => inputs)
        .map((name) => owner.get(name) ?? SOURCE)
        .filter((source) => source !== block),
    })),
  );
  const maps = Math.max(1, Math.floor(MOST_MAPS / grid.lanes));
  const parts = new Map(
    blocks.map((block) => [
      block,
      open.has(block.id) ? opened(block) : closed(block, block.shown, block.name, maps),
    ]),
  );
  return arrange(grid, parts);
}

function closed(block, layer, name, maps) {
  const height = TILE.text + maps * (MAP + GAP);
  const tile = { block, layer, name, maps, x: 0, y: 0, width: TILE.width, height };
  return { width: TILE.width, height, axis: height / 2, tiles: [tile], boxes: [], paths: [] };
}

function opened(block) {
  const own = new Set(block.layers.map(({ name }) => name));
  const grid = place(
    block.layers.map(({ name, inputs }) => ({
      key: name,
      inputs: inputs.map((input) => (own.has(input) ? input : SOURCE)),
    })),
  );
  const parts = new Map(
    block.layers.map((layer) => [layer.name, closed(block, layer, nameWithin(layer, block), 1)]),
  );
  const inner = arrange(grid, parts);
  const size = { width: inner.width, height: inner.height + HEADER };
  const box = { block, x: 0, y: 0, ...size };
  return { ...shifted(inner, 0, HEADER), ...size, axis: inner.axis + HEADER, boxes: [box] };
}

/** Put parts, {width, height, axis, tiles, boxes, paths} by key, into their columns and lanes. Links
 * meet a part at the height of its axis.
 */
function arrange({ places, links, columns, lanes, arcs }, parts) {
  const widths = Array(columns).fill(0);
  const [above, below] = [Array(lanes).fill(0), Array(lanes).fill(0)];
  for (const [key, part] of parts) {
    const { column, lane } = places.get(key);
    widths[column] = Math.max(widths[column], part.width);
    above[lane] = Math.max(above[lane], part.axis);
    below[lane] = Math.max(below[lane], part.height - part.axis);
  }
  const heights = above.map((height, lane) => height + below[lane]);
  const lefts = sums(widths, TILE.gap, TILE.gap);
  const tops = sums(heights, LANE, PADDING + arcs * ARC);
  const width = lefts.at(-1);
  const height = tops.at(-1) - LANE + PADDING;
  const axis = (lane) => tops[lane] + above[lane];
  const result = { width, height, axis: axis(0), tiles: [], boxes: [], paths: [] };
  const edges = new Map([[SOURCE, { right: 0 }]]);
  for (const [key, part] of parts) {
    const { column, lane } = places.get(key);
    const x = lefts[column] + (widths[column] - part.width) / 2;
    const moved = shifted(part, x, axis(lane) - part.axis);
    for (const kind of ['tiles', 'boxes', 'paths']) result[kind].push(...moved[kind]);
    edges.set(key, { left: x, right: x + part.width });
  }
  const rightOf = (column) => (column < 0 ? 0 : lefts[column] + widths[column]);
  for (const { from, to, via } of links) {
    const [start, end] = [places.get(from), places.get(to)];
    const points = [[edges.get(from).right, axis(start.lane)]];
    if (via) {
      const y = via.lane === undefined ? PADDING + (arcs - via.arc - 0.5) * ARC : axis(via.lane);
      points.push([rightOf(start.column), axis(start.lane)], [lefts[start.column + 1], y]);
      points.push([rightOf(end.column - 1), y]);
    }
    points.push([edges.get(to).left, axis(end.lane)]);
    result.paths.push(curve(points));
  }
  const used = new Set(links.map(({ from }) => from));
  for (const [key, { right }] of edges) {
    if (key === SOURCE || used.has(key)) continue; // Its values leave the picture, or the block.
    result.paths.push(
      curve([
        [right, axis(places.get(key).lane)],
        [width, axis(0)],
      ]),
    );
  }
  return result;
}

/** Return where each of some sizes begins, and where one after the last would begin. */
function sums(sizes, gap, first) {
  return sizes.reduce((all, size) => [...all, all.at(-1) + size + gap], [first]);
}

function shifted({ tiles, boxes, paths, width, height }, dx, dy) {
  const move = (each) => ({ ...each, x: each.x + dx, y: each.y + dy });
  const moved = paths.map((path) => path.map(([x, y]) => [x + dx, y + dy]));
  return { tiles: tiles.map(move), boxes: boxes.map(move), paths: moved, width, height };
}

/** Return the points without those that repeat the one before. */
function curve(points) {
  return points.filter(([x, y], i) => i === 0 || x !== points[i - 1][0] || y !== points[i - 1][1]);
}

/** Return points as the path of an SVG: straight on one height, else a curve that starts and ends level. */
export function svgPath([[x, y], ...points]) {
  let [left, height] = [x, y];
  const steps = points.map(([right, bottom]) => {
    const half = (left + right) / 2;
    const step = bottom === height ? `H${right}` : `C${half},${height} ${half},${bottom} ${right},${bottom}`;
    [left, height] = [right, bottom];
    return step;
  });
  return `M${x},${y}${steps.join('')}`;
}
