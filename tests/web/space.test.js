import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Network } from '../../service/web/models/network.js';
import { cellAt, centre, cornersOf, layoutOf, rectangle, texels, textureSize } from '../../service/web/space/layout.js';
import { fit, VIEWS } from '../../service/web/space/view.js';
import en from '../../service/web/space/i18n/en.js';
import ko from '../../service/web/space/i18n/ko.js';
import { manifest, network } from './toy.js';

const places = layoutOf(network);
const [input, edges, , row, classes] = places;

test('both languages have the same texts, one for each view', () => {
  assert.deepEqual(Object.keys(ko), Object.keys(en));
  for (const name of Object.keys(VIEWS)) assert.ok(`space.${name}` in en, name);
});

test('every value has a texel of its own, and its centre is the place of the same cell', () => {
  for (const place of places) {
    const [width, height] = textureSize(place);
    const all = texels(place);
    assert.equal(new Set(all).size, place.count * place.rows * place.columns);
    all.forEach((texel, index) => {
      const [u, v] = [((texel % width) + 0.5) / width, (Math.floor(texel / width) + 0.5) / height];
      const cell = cellAt(place, u, v);
      assert.equal(cell.layer, place.name);
      const { row: cellRow = 0, column = 0, channel } = cell;
      assert.equal((cellRow * place.columns + column) * place.count + channel, index);
    });
  }
});

test('texture coordinates at an edge are cells too, and in a place without a tile none', () => {
  const first = { ...manifest.layers[0], output_shape: [6, 5, 11], parameters: 209 };
  const [, eleven] = layoutOf(new Network({ ...manifest, layers: [first] }));
  assert.deepEqual([eleven.across, eleven.down], [3, 4]);
  assert.deepEqual(cellAt(eleven, 0, 0), { layer: 'edges', channel: 0, row: 0, column: 0 });
  assert.deepEqual(cellAt(eleven, 0.99 / 3, 1), { layer: 'edges', channel: 9, row: 5, column: 4 });
  assert.deepEqual(cellAt(classes, 1, 1), { layer: 'classes', channel: 1 });
  assert.equal(cellAt(eleven, 1, 1), null);
});

test('layers stand behind each other, tiles run across and then down, rows run down', () => {
  assert.deepEqual(
    places.map(({ z }) => z),
    [...places.map(({ z }) => z)].sort((a, b) => b - a),
  );
  assert.deepEqual([input.z, input.name, row.across, classes.across], [0, 'digit', 18, 1]);
  const [second, third] = [rectangle(edges, 1), rectangle(edges, 2)];
  assert.equal(second.left, third.left); // three maps, below each other
  assert.ok(third.top < second.top - second.height);
  assert.ok(centre(row, 1)[0] > centre(row, 0)[0]);
  const cell = rectangle(edges, 2, { top: 5, left: 4, height: 1, width: 1 });
  const near = (a, b) => assert.ok(Math.abs(a - b) < 1e-9, `${a} ${b}`);
  near(cell.left + cell.width, third.left + third.width);
  near(cell.top - cell.height, third.top - third.height);
  near(cell.top - cell.height, -edges.height / 2);
});

test('a view contains all layers and the labels of the classes, and is as near as possible', () => {
  const points = places.flatMap(cornersOf);
  for (const [width, height] of [
    [1240, 600],
    [366, 700],
  ]) {
    for (const name of Object.keys(VIEWS)) {
      const picture = { width, height, fov: 20, margin: 30, label: 90 };
      const camera = fit(points, cornersOf(classes), name, picture);
      const seen = points.map((point) => project(point, camera, picture));
      const ends = cornersOf(classes).map((point) => project(point, camera, picture)[0] + 90);
      const space = Math.min(
        ...seen.flatMap(([x, y]) => [x, width - x, y, height - y]),
        ...ends.map((x) => width - x),
      );
      assert.ok(Math.abs(space - 30) < 0.01, `${name} ${width}: ${space}`);
    }
  }
});

/** Return where a camera sees a point, in pixels from the top left corner. */
function project(point, { position, target }, { width, height, fov }) {
  const back = normal(position.map((at, i) => at - target[i]));
  const right = normal([back[2], 0, -back[0]]);
  const up = [0, 1, 2].map((i) => back[(i + 1) % 3] * right[(i + 2) % 3] - back[(i + 2) % 3] * right[(i + 1) % 3]);
  const [x, y, z] = [right, up, back].map((axis) => axis.reduce((sum, at, i) => sum + at * (point[i] - position[i]), 0));
  const scale = height / 2 / Math.tan((fov * Math.PI) / 360);
  return [width / 2 - (x / z) * scale, height / 2 + (y / z) * scale];
}

function normal(vector) {
  const length = Math.hypot(...vector);
  return vector.map((at) => at / length);
}
