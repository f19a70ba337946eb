import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { test } from 'node:test';

import { Snapshots } from '../../service/web/learning/snapshots.js';
import en from '../../service/web/learning/i18n/en.js';
import ko from '../../service/web/learning/i18n/ko.js';

const places = (text) => [...text.matchAll(/\{\w+\}/g)].map(String).sort();

test('both languages have the same texts, with the same placeholders', () => {
  assert.deepEqual(Object.keys(ko), Object.keys(en));
  for (const key of Object.keys(en)) assert.deepEqual(places(ko[key]), places(en[key]), key);
});

test('the view uses exactly the texts that exist', async () => {
  const root = new URL('../../service/web/learning/', import.meta.url);
  const files = (await readdir(root)).filter((name) => name.endsWith('.js'));
  const code = (await Promise.all(files.map((name) => readFile(new URL(name, root), 'utf8')))).join('');
  const used = new Set([...code.matchAll(/'(learning\.(?!css')[\w.]+)'/g)].map(([, key]) => key));
  used.add('learning.accuracy').add('learning.loss'); // by name
  assert.deepEqual([...used].sort(), Object.keys(en).sort());
});

/** Build a file of two snapshots of a convolution with two 1 × 1 filters and a dense layer. */
function file() {
  const tensors = {
    'conv/kernel': { dtype: 'F32', shape: [2, 1, 1, 1, 2], data: Float32Array.of(3, 4, 3, 5) },
    'conv/bias': { dtype: 'F32', shape: [2, 2], data: Float32Array.of(0, 0, 0, 0) },
    'dense/kernel': { dtype: 'F32', shape: [2, 2, 1], data: Float32Array.of(1, 0, 1, -2) },
    map: { dtype: 'U16', shape: [2, 1, 2], data: Uint16Array.of(1, 2, 65535, 4) },
    labels: { dtype: 'U8', shape: [1], data: Uint8Array.of(7) },
  };
  const header = { __metadata__: { snapshots: JSON.stringify([{ step: 0 }, { step: 5 }]) } };
  let size = 0;
  for (const [name, { dtype, shape, data }] of Object.entries(tensors))
    header[name] = { dtype, shape, data_offsets: [size, (size += data.byteLength)] };
  const text = new TextEncoder().encode(JSON.stringify(header));
  const bytes = new Uint8Array(8 + text.length + size);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(text.length), true);
  bytes.set(text, 8);
  for (const [name, { data }] of Object.entries(tensors))
    bytes.set(new Uint8Array(data.buffer), 8 + text.length + header[name].data_offsets[0]);
  return bytes.buffer;
}

const LAYERS = [
  {
    ...{ name: 'conv', kind: 'Conv2D', inputShape: [1, 1, 1], outputShape: [1, 1, 2] },
    ...{ kernelSize: [1, 1], strides: [1, 1], padding: 'valid', activation: 'linear' },
  },
  { name: 'flat', kind: 'Flatten', inputShape: [1, 1, 2], outputShape: [2], activation: 'linear' },
  { name: 'dense', kind: 'Dense', inputShape: [2], outputShape: [1], activation: 'linear' },
];

test('each snapshot has a network of its own, a map, and its change since the one before', () => {
  const snapshots = new Snapshots(file(), LAYERS);
  assert.deepEqual(snapshots.entries, [{ step: 0 }, { step: 5 }]);
  assert.deepEqual([...snapshots.labels], [7]);
  assert.deepEqual(snapshots.trained, ['conv', 'dense']);
  const outputs = [0, 1].map((index) => snapshots.network(index).run(Float32Array.of(2)).dense[0]);
  assert.deepEqual(outputs, [6, 6 - 20]);
  assert.deepEqual([...snapshots.map(1)], [65535, 4]);
  assert.equal(snapshots.limit('conv/kernel'), 5);
  assert.equal(snapshots.change('conv', 1), 1 / 5);
  assert.deepEqual(snapshots.mostChanged('conv', 1, 1), [1]);
});
