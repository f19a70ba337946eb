import assert from 'node:assert/strict';
import { test } from 'node:test';

import en from '../../service/web/i18n/en.js';
import { KIND_NAMES, kindOf } from '../../service/web/models/kinds.js';
import { channelAt, mosaic, stepTo, tileAt, tiles } from '../../service/web/models/layout.js';
import { Network } from '../../service/web/models/network.js';
import { Plane } from '../../service/web/models/plane.js';
import { unreadRegions } from '../../service/web/models/region.js';
import { addUp, bySize, patchCell } from '../../service/web/models/sum.js';
import { layersToRequestPost, Values } from '../../service/web/models/values.js';
import { Weights } from '../../service/web/models/weights.js';
import { TERM_VIEWS } from '../../service/web/parts/inspector.js';
import { manifest, network } from './toy.js';

const [edges, less, row, classes] = network.layers;
const maps = Float32Array.from({ length: 90 }, (_, i) => (i % 3 === 1 ? 0 : i));
const values = new Values(network, {
  'edges/pre': { values: maps },
  'less/pre': { values: new Float32Array(18) },
  'row/pre': { values: new Float32Array(18) },
  probabilities: { values: Float32Array.of(0.25, 0.75) },
  'classes/pre': { values: Float32Array.of(1, 2.1) },
});

test('every kind of layer has a name, a view of its terms, and a computation with a name', () => {
  const explanation = { patch: [[1]], terms: [], count: 1 };
  for (const name of KIND_NAMES) {
    const kind = kindOf(name);
    assert.ok(kind.label in en, name);
    assert.equal(typeof TERM_VIEWS[kind.family], 'function', name);
    assert.ok(kind.operation(explanation)[0] in en, name);
  }
});

test('an unknown kind of layer is an error that names it, in a manifest and in an explanation', () => {
  for (const kind of ['LSTM', 'constructor']) {
    const named = { name: 'RangeError', message: new RegExp(`"${kind}".*Conv2D, MaxPooling2D`) };
    const [first, ...rest] = manifest.layers;
    assert.throws(() => new Network({ ...manifest, layers: [{ ...first, kind }, ...rest] }), named);
    assert.throws(() => addUp({ kind, terms: [], bias: 0, value: 0 }), named);
  }
});

test('a window is derived from receptive fields: with strides, padding and dilation, per axis', () => {
  const [first, second] = manifest.layers;
  const strided = {
    ...first,
    kernel_size: [3, 2],
    strides: [2, 1],
    output_shape: [3, 5, 3],
    receptive_field: { size: [3, 2], step: [2, 1], start: [0, 0] }, // Keras pads the ends alone
  };
  const dilated = {
    ...second,
    kind: 'Conv2D',
    input_shape: [3, 5, 3],
    output_shape: [3, 5, 2],
    kernel_size: [3, 3],
    strides: [1, 1],
    padding: 'same',
    receptive_field: { size: [7, 6], step: [2, 1], start: [-2, -2] }, // dilation [1, 2]
  };
  const { layers } = new Network({ ...manifest, layers: [strided, dilated] });
  assert.deepEqual(layers[0].window({ row: 2, column: 4 }), { top: 4, left: 4, height: 2, width: 1 });
  assert.deepEqual(layers[0].paddingBefore({ row: 0, column: 0 }), { top: 0, left: 0 });
  assert.deepEqual(layers[1].window({ row: 0, column: 2 }), { top: 0, left: 0, height: 2, width: 5 });
  assert.deepEqual(layers[1].paddingBefore({ row: 0, column: 0 }), { top: 1, left: 2 });
});

test('a cell reads a window, clipped to the layer before; the last cells may be in no window', () => {
  assert.deepEqual(edges.window({ row: 0, column: 0 }), { top: 0, left: 0, height: 2, width: 2 });
  assert.deepEqual(less.window({ row: 2, column: 1 }), { top: 4, left: 2, height: 2, width: 2 });
  assert.deepEqual(less.unread, [{ top: 0, left: 4, height: 6, width: 1 }]); // the fifth column
  assert.deepEqual(edges.unread, []);
  assert.deepEqual(unreadRegions(5, 4, 4, 3), [
    { top: 4, left: 0, height: 1, width: 4 },
    { top: 0, left: 3, height: 4, width: 1 },
  ]);
  assert.equal(row.window({}), null);
  assert.deepEqual(row.unread, []);
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

test('a cell is highlighted with all channels that a convolution reads, or the one that pooling reads', () => {
  assert.equal(network.focus(null), null);
  const convolution = network.focus({ layer: 'edges', channel: 1, row: 3, column: 3 });
  assert.deepEqual(convolution.digit, { channel: null, region: { top: 2, left: 2, height: 3, width: 3 } });
  const pooling = network.focus({ layer: 'less', channel: 1, row: 0, column: 0 });
  assert.deepEqual(pooling.edges, { channel: 1, region: { top: 0, left: 0, height: 2, width: 2 } });
  assert.ok(!('row' in pooling));
  const flattened = network.focus({ layer: 'row', channel: 10 }); // place 3 of 6, channel 1
  assert.deepEqual(flattened.less, { channel: 1, region: { top: 1, left: 1, height: 1, width: 1 } });
});

test('values give the inactive maps, the largest magnitude, and the strongest cell of a map', () => {
  assert.deepEqual([...values.inactive(edges)], [0, 1, 0]);
  assert.equal(values.limit(edges, 'post'), 89);
  assert.equal(values.limit(edges, 'post', 0), 87);
  assert.equal(values.limit(edges, 'post', 1), 1); // the channel is inactive
  assert.equal(values.limit(less, 'post'), 1); // all 0: a scale needs an extent
  assert.deepEqual(values.strongest(edges, 0), { layer: 'edges', channel: 0, row: 5, column: 4 });
  assert.equal(values.at({ layer: 'edges', channel: 2, row: 0, column: 1 }), 5);
  assert.equal(values.of(less, 'pre'), values.of(less)); // no activation, no difference
});

test('values that follow exactly from those before the activation are not requested', () => {
  const tensors = { 'edges/pre': { values: Float32Array.of(-1, 2) } };
  assert.deepEqual(new Values(network, tensors).of(edges), Float32Array.of(0, 2));
  assert.deepEqual(layersToRequestPost(network), []);
  const other = { ...edges, activation: 'tanh', name: 'deep' };
  assert.deepEqual(
    layersToRequestPost({ layers: [edges, other, { ...classes, isLast: false }] }).map(({ name }) => name),
    ['deep', 'classes'],
  );
  const withPost = new Values(network, { deep: { values: Float32Array.of(0.5) } });
  assert.deepEqual(withPost.of(other), Float32Array.of(0.5));
});

test('classes are ranked, and the score decides whether an image is out of distribution', () => {
  assert.deepEqual(
    values.ranking().map(({ label }) => label),
    ['b', 'a'],
  );
  const scored = (score) => new Values(network, { score: { values: Float32Array.of(score) } });
  assert.equal(scored(2.5).isFamiliar(), true);
  assert.equal(scored(1.5).isFamiliar(), false);
  assert.equal(values.isFamiliar(), null); // some bundles compute no score
});

test('a scale is diverging before an activation, or where a value is below 0', () => {
  assert.equal(values.isDiverging(edges, 'post'), false);
  assert.equal(values.isDiverging(edges, 'pre'), true);
});

test('tiles are enlarged by whole numbers, and a point inside a tile gives its channel', () => {
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
  const image = weights.image(edges, 1);
  assert.equal(image[0], 1); // row 0, column 0, input 0, filter 1
  assert.equal(image[3], 4); // the same of input 1, in the slice beside it
  assert.equal(image[6 * 2 + 5], 52); // row 2, column 2, input 1
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
  const explanation = { kind: 'Conv2D', terms, bias: 0.5, value: -0.5 };
  assert.deepEqual(addUp(explanation), { sum: -0.5, difference: 0, agrees: true });
  assert.equal(addUp({ ...explanation, value: -0.4 }).agrees, false);
  assert.equal(addUp({ kind: 'Flatten', pre: 3, value: 3 }).agrees, true);
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

test('a place in a patch is a cell of the layer before, or padding', () => {
  const explanation = { window: { top: -1, left: 2 }, input: 'edges' };
  assert.equal(patchCell(explanation, 0, 0, 0, 6, 5), null);
  assert.deepEqual(patchCell(explanation, 4, 1, 1, 6, 5), { layer: 'edges', channel: 4, row: 0, column: 3 });
});
