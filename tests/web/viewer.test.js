import assert from 'node:assert/strict';
import { test } from 'node:test';

import en from '../../service/web/viewer/i18n/en.js';
import ko from '../../service/web/viewer/i18n/ko.js';
import { inputOf, isPlayground } from '../../service/web/models/graph.js';
import { groupByBlock, layersOf, search } from '../../service/web/viewer/layers.js';
import { manifest } from './toy.js';

const chain = { manifest: 2, input: { shape: [28, 28, 1], preparation: { name: 'digit' } } };
chain.layers = ['a', 'b'].map((name, index) => ({
  name,
  kind: index ? 'Dense' : 'Flatten',
  input_shape: [784],
  output_shape: [784],
  activation: 'linear',
  inputs: [index ? 'a' : 'input'],
  is_exact: true,
}));
const changed = (fields) => ({ ...chain, layers: [chain.layers[0], { ...chain.layers[1], ...fields }] });

test('the playground shows chains of explained layers, in manifests of both versions', () => {
  assert.ok(isPlayground(manifest));
  assert.ok(isPlayground(chain));
  assert.ok(isPlayground({ ...chain, input: { shape: [9, 9, 3], preparation: null } }));
  assert.ok(!isPlayground({ ...chain, input: { shape: [9, 9, 3], preparation: { name: 'resize' } } }));
  for (const fields of [
    { kind: 'Add' },
    { is_exact: false },
    { inputs: ['input'] },
    { inputs: ['a', 'a'] },
    { activation: 'gelu' },
    { input_shape: [4, 4, 49] },
    { kind: 'Conv2D', config: { dilation_rate: [2, 1] } },
    { kind: 'Conv2D', config: { groups: 2 } },
  ]) {
    assert.ok(!isPlayground(changed(fields)), JSON.stringify(fields));
  }
});

test('the input has its sides in manifests of both versions', () => {
  const { height, width, channels } = inputOf({ input: { shape: [5, 6, 3] } });
  assert.deepEqual([height, width, channels], [5, 6, 3]);
  assert.equal(inputOf({ input: { height: 7, width: 8, channels: 1 } }).width, 8);
});

test('layers are grouped by block and found by name, kind or block', () => {
  const [a, b] = layersOf(changed({ block: 'end', name: 'x/b:2' }));
  assert.deepEqual(
    groupByBlock([a, b]).map(({ block }) => block),
    [null, 'end'],
  );
  assert.deepEqual(search([a, b], ' DENSE'), [b]);
  assert.deepEqual(search([a, b], 'end'), [b]);
  assert.deepEqual(search([a, b], ''), [a, b]);
});

test('both languages have the same texts with the same values', () => {
  assert.deepEqual(Object.keys(en), Object.keys(ko));
  const names = (text) => [...text.matchAll(/\{\w+\}/g)].map(([name]) => name).sort();
  for (const key of Object.keys(en)) assert.deepEqual(names(en[key]), names(ko[key]), key);
});
