import assert from 'node:assert/strict';
import { test } from 'node:test';

import { focusOn } from '../../service/web/models/focus.js';
import { channelAt, mosaic, stepTo, tileAt, tiles } from '../../service/web/models/layout.js';
import { Plane } from '../../service/web/models/plane.js';
import { addUp, bySize, patchCell } from '../../service/web/models/sum.js';
import { asksForPost, Values } from '../../service/web/models/values.js';
import { Weights } from '../../service/web/models/weights.js';
import { network } from './toy.js';

const [edges, less, row, classes] = network.layers;
const maps = Float32Array.from({ length: 90 }, (_, i) => (i % 3 === 1 ? 0 : i));
const values = new Values(network, {
  'edges/pre': { values: maps },
  'less/pre': { values: new Float32Array(18) },
  'row/pre': { values: new Float32Array(18) },
  probabilities: { values: Float32Array.of(0.25, 0.75) },
  'classes/pre': { values: Float32Array.of(1, 2.1) },
});

test('a cell reads a window, clipped to the layer before; floor drops what no window reaches', () => {
  assert.deepEqual(edges.window({ row: 0, column: 0 }), { top: 0, left: 0, height: 2, width: 2 });
  assert.deepEqual(less.window({ row: 2, column: 1 }), { top: 4, left: 2, height: 2, width: 2 });
  assert.deepEqual([less.reach(0), less.reach(1)], [6, 4]); // the fifth column is dropped
  assert.equal(row.window({}), null);
});

test('the receptive field is in pixels of the digit, all of it once a layer is flat', () => {
  assert.deepEqual(network.receptiveField({ layer: 'less', channel: 0, row: 0, column: 0 }), {
    top: 0,
    left: 0,
    height: 3,
    width: 3,
  });
  assert.deepEqual(network.receptiveField({ layer: 'classes', channel: 0 }), {
    top: 0,
    left: 0,
    height: 6,
    width: 5,
  });
});

test('only cells that the network has are cells', () => {
  assert.ok(network.has({ layer: 'edges', channel: 2, row: 5, column: 4 }));
  assert.ok(network.has({ layer: 'digit', channel: 1, row: 5, column: 4 }));
  for (const wrong of [
    { layer: 'edges', channel: 3, row: 0, column: 0 },
    { layer: 'edges', channel: 0 },
    { layer: 'row', channel: 0, row: 0, column: 0 },
    { layer: 'x', channel: 0 },
    { layer: 'digit', channel: 0 },
  ]) {
    assert.ok(!network.has(wrong), JSON.stringify(wrong));
  }
});

test('what lights up: the cell, all channels that a convolution reads, the one that pooling reads', () => {
  assert.equal(focusOn(network, null), null);
  const convolution = focusOn(network, { layer: 'edges', channel: 1, row: 3, column: 3 });
  assert.deepEqual(convolution.digit, { channel: null, region: { top: 2, left: 2, height: 3, width: 3 } });
  const pooling = focusOn(network, { layer: 'less', channel: 1, row: 0, column: 0 });
  assert.deepEqual(pooling.edges, { channel: 1, region: { top: 0, left: 0, height: 2, width: 2 } });
  assert.ok(!('row' in pooling));
  const flattened = focusOn(network, { layer: 'row', channel: 10 }); // place 3 of 6, channel 1
  assert.deepEqual(flattened.less, { channel: 1, region: { top: 1, left: 1, height: 1, width: 1 } });
});

test('dead maps, the largest magnitude, and the strongest cell of a map are found', () => {
  assert.deepEqual([...values.dead(edges)], [0, 1, 0]);
  assert.equal(values.limit(edges, 'post'), 89);
  assert.equal(values.limit(edges, 'post', 0), 87);
  assert.equal(values.limit(less, 'post'), 1); // all 0: a scale needs an extent
  assert.deepEqual(values.strongest(edges, 0), { layer: 'edges', channel: 0, row: 5, column: 4 });
  assert.equal(values.at({ layer: 'edges', channel: 2, row: 0, column: 1 }), 5);
  assert.equal(values.of(less, 'pre'), values.of(less)); // no activation, no difference
});

test('what follows exactly from the values before the activation is not asked for', () => {
  const given = { 'edges/pre': { values: Float32Array.of(-1, 2) } };
  assert.deepEqual(new Values(network, given).of(edges), Float32Array.of(0, 2));
  assert.deepEqual(asksForPost(network), []);
  const other = { ...edges, activation: 'tanh', name: 'deep' };
  assert.deepEqual(
    asksForPost({ layers: [edges, other, { ...classes, isLast: false }] }).map(({ name }) => name),
    ['deep', 'classes'],
  );
  const asked = new Values(network, { deep: { values: Float32Array.of(0.5) } });
  assert.deepEqual(asked.of(other), Float32Array.of(0.5));
});

test('classes are ranked, and the score tells the unfamiliar', () => {
  assert.deepEqual(
    values.ranking().map(({ label }) => label),
    ['b', 'a'],
  );
  const scored = (score) => new Values(network, { score: { values: Float32Array.of(score) } });
  assert.equal(scored(2.5).isFamiliar(), true);
  assert.equal(scored(1.5).isFamiliar(), false);
  assert.equal(values.isFamiliar(), null); // a bundle that cannot tell gives no score
});

test('colours run both ways from 0 before an activation, or where something is below 0', () => {
  assert.equal(values.isDiverging(edges, 'post'), false);
  assert.equal(values.isDiverging(edges, 'pre'), true);
});

test('tiles are enlarged by whole numbers and found again under the pointer', () => {
  for (const [count, side] of [
    [32, 26],
    [64, 3],
    [576, 1],
    [10, 200],
  ]) {
    const layout = tiles(count, side, side);
    assert.ok(Number.isInteger(layout.factor) && layout.factor >= 1);
    assert.ok(layout.across * layout.down >= count);
    for (const channel of [0, count >> 1, count - 1]) {
      const { x, y } = tileAt(layout, channel);
      assert.equal(channelAt(layout, x + 0.5, y + 0.5), channel);
    }
    assert.equal(channelAt(layout, -1, 0), null);
  }
});

test('arrow keys step from tile to tile and stop at the edge', () => {
  const layout = { across: 4, count: 10 };
  assert.equal(stepTo(layout, 1, 'ArrowDown'), 5);
  assert.equal(stepTo(layout, 9, 'ArrowDown'), 9);
  assert.equal(stepTo(layout, 0, 'ArrowLeft'), 0);
  assert.equal(stepTo(layout, 3, 'End'), 9);
  assert.equal(stepTo(layout, 3, 'x'), null);
});

test('a filter is drawn as a mosaic of its slices, in place', () => {
  assert.deepEqual(mosaic(2, 3, 3), { across: 2, rows: 3, columns: 6 });
  const kernel = Float32Array.from({ length: 54 }, (_, i) => i); // (3, 3, 2, 3)
  const weights = new Weights({ 'edges/kernel': { values: kernel } });
  const picture = weights.picture(edges, 1);
  assert.equal(picture[0], 1); // row 0, column 0, input 0, filter 1
  assert.equal(picture[3], 4); // the same of input 1, in the slice beside it
  assert.equal(picture[6 * 2 + 5], 52); // row 2, column 2, input 1
  assert.equal(weights.limit(edges), 53);
  assert.ok(weights.has(edges) && !weights.has(less));
});

test('a plane shows one channel, or all units of a flat layer in a square', () => {
  const plane = new Plane({ network, layer: edges, channel: 1 });
  assert.deepEqual(plane.step({ layer: 'edges', channel: 1, row: 0, column: 0 }, 'ArrowRight'), {
    layer: 'edges',
    channel: 1,
    row: 0,
    column: 1,
  });
  assert.equal(plane.step({ layer: 'edges', channel: 1, row: 0, column: 0 }, 'ArrowUp'), null);
  assert.equal(plane.step({ layer: 'edges', channel: 0, row: 0, column: 0 }, 'PageUp').channel, 2);
  const units = new Plane({ network, layer: row, channel: 7 });
  assert.deepEqual([units.rows, units.columns], [4, 5]);
  assert.deepEqual(units.placeOf({ layer: 'row', channel: 7 }), { row: 1, column: 2 });
  assert.equal(units.cellAt(3, 4), null); // 18 units, 20 places
  assert.ok(Number.isNaN(units.values(values, null, 'post')[19]));
});

test('an explanation is added up again and compared with the server', () => {
  const terms = [
    { channel: 0, patch: [[1, 2]], kernel: [[3, -1]], contribution: 1 },
    { channel: 1, patch: [[2, 2]], kernel: [[-1, 0]], contribution: -2 },
  ];
  const told = { kind: 'Conv2D', terms, bias: 0.5, value: -0.5 };
  assert.deepEqual(addUp(told), { sum: -0.5, difference: 0, agrees: true });
  assert.equal(addUp({ ...told, value: -0.4 }).agrees, false);
  assert.deepEqual(
    bySize(terms).map(({ channel }) => channel),
    [1, 0],
  );
  assert.equal(
    addUp({
      kind: 'MaxPooling2D',
      patch: [
        [1, 4],
        [2, 3],
      ],
      value: 4,
    }).agrees,
    true,
  );
  assert.equal(addUp({ kind: 'AveragePooling2D', patch: [[1, 3]], count: 2, value: 2 }).agrees, true);
  assert.equal(
    addUp({ kind: 'Dense', terms: [{ value: 2, weight: 3 }], rest: 1, bias: 1, value: 8 }).agrees,
    true,
  );
});

test('a place in a patch leads to its cell, in padding to none', () => {
  const told = { window: { top: -1, left: 2 }, input: 'edges' };
  assert.equal(patchCell(told, 0, 0, 0, 6, 5), null);
  assert.deepEqual(patchCell(told, 4, 1, 1, 6, 5), { layer: 'edges', channel: 4, row: 0, column: 3 });
});
