import assert from 'node:assert/strict';
import { test } from 'node:test';

import {
  compareChannels,
  compareClasses,
  compareLayers,
  difference,
  pairs,
} from '../../service/web/compare/differences.js';
import { Network } from '../../service/web/models/network.js';
import { Values } from '../../service/web/models/values.js';
import { manifest, network } from './toy.js';

/** Return values of the toy network; all but the named tensors are 0. */
function valuesOf(tensors, net = network) {
  const zeros = Object.fromEntries(
    net.layers.map((layer) => [`${layer.name}/pre`, { values: new Float32Array(size(layer)) }]),
  );
  const probabilities = { values: Float32Array.of(0.5, 0.5) };
  return new Values(net, { ...zeros, probabilities, ...tensors });
}
const size = ({ outputShape }) => outputShape.reduce((product, side) => product * side);

test('a difference is left − right, with its largest and mean magnitude', () => {
  const { values, max, mean } = difference(Float32Array.of(1, 5, -2, 0), Float32Array.of(2, 2, 0, 0));
  assert.deepEqual([...values], [-1, 3, -2, 0]);
  assert.deepEqual([max, mean], [3, 1.5]);
});

test('equal values have no difference in any layer, and a scale all the same', () => {
  const values = valuesOf({ 'less/pre': { values: Float32Array.from({ length: 18 }, (_, i) => i) } });
  const layers = compareLayers(values, values);
  assert.deepEqual(layers.map(({ layer }) => layer.name), ['edges', 'less', 'row', 'classes']);
  assert.ok(layers.every(({ max, mean }) => max === 0 && mean === 0));
  assert.deepEqual(layers.map(({ limit }) => limit), [1, 17, 1, 0.5]);
});

test('the layer and the channel with the largest difference are the first; one scale holds all maps', () => {
  const left = valuesOf({ 'less/pre': { values: Float32Array.from({ length: 18 }, (_, i) => (i === 4 ? -6 : 1)) } });
  const right = valuesOf({
    'edges/pre': { values: new Float32Array(90).fill(2) },
    'less/pre': { values: new Float32Array(18).fill(1) },
  });
  const layers = compareLayers(left, right);
  assert.deepEqual(layers.map(({ layer, max }) => [layer.name, max]).slice(0, 2), [['less', 7], ['edges', 2]]);
  assert.equal(layers[0].limit, 7); // the difference is larger than both sides
  const channels = compareChannels(layers[0]);
  assert.deepEqual(channels.map(({ channel, max }) => [channel, max]), [[1, 7], [0, 0], [2, 0]]);
  assert.deepEqual([...channels[0].left], [1, -6, 1, 1, 1, 1]);
  assert.deepEqual([...channels[0].values], [0, -7, 0, 0, 0, 0]);
});

test('the units of a flat layer are one map', () => {
  const [row] = compareLayers(valuesOf({ 'row/pre': { values: new Float32Array(18).fill(3) } }), valuesOf({}));
  const channels = compareChannels(row);
  assert.equal(channels.length, 1);
  assert.deepEqual([channels[0].channel, channels[0].left.length, channels[0].max], [null, 18, 3]);
});

test('layers of two networks are paired by kind and shape, in order', () => {
  const [conv, pool, flat, dense] = manifest.layers;
  const renamed = { ...conv, name: 'first' };
  const another = new Network({ ...manifest, layers: [renamed, { ...conv, name: 'second' }, pool, { ...flat, output_shape: [9] }, dense] });
  const names = pairs(network.layers, another.layers).map(([one, other]) => [one.name, other.name]);
  assert.deepEqual(names, [['edges', 'first'], ['less', 'less'], ['classes', 'classes']]);
  assert.deepEqual(pairs(network.layers, []), []);
});

test('classes are matched by label; one that the other side lacks has no difference', () => {
  const left = valuesOf({ probabilities: { values: Float32Array.of(0.25, 0.75) } });
  const another = new Network({ ...manifest, labels: ['b', 'c'] });
  const right = valuesOf({ probabilities: { values: Float32Array.of(0.5, 0.5) } }, another);
  assert.deepEqual(compareClasses(left, right), [
    { label: 'a', left: 0.25, right: null, difference: null },
    { label: 'b', left: 0.75, right: 0.5, difference: 0.25 },
  ]);
});
