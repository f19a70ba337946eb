// The map of the test digits: its data, and which part of it is visible.

import assert from 'node:assert/strict';
import test from 'node:test';
import { DigitMap, outlierScore } from '../../service/web/map/digit-map.js';
import { LARGEST_SCALE, Viewport } from '../../service/web/map/viewport.js';

const TYPES = [[Uint8Array, 'U8'], [Uint16Array, 'U16'], [Float32Array, 'F32']]; // prettier-ignore

/** Encode arrays as safetensors. */
function file(arrays, metadata) {
  const header = { __metadata__: metadata };
  const parts = [];
  let end = 0;
  for (const [name, { shape, values }] of Object.entries(arrays)) {
    const dtype = TYPES.find(([type]) => values instanceof type)[1];
    header[name] = { dtype, shape, data_offsets: [end, (end += values.byteLength)] };
    parts.push(new Uint8Array(values.buffer));
  }
  const text = new TextEncoder().encode(JSON.stringify(header));
  const size = new Uint8Array(8);
  new DataView(size.buffer).setBigUint64(0, BigInt(text.length), true);
  return new Blob([size, text, ...parts]).arrayBuffer();
}

/** Five digits on a line of feature space; the second unit counts ten times as much as the first. */
async function five() {
  const row = (values) => ({ shape: [5], values });
  const buffer = await file(
    {
      features: { shape: [5, 2], values: Uint8Array.of(0, 0, 10, 0, 20, 0, 0, 10, 250, 250) },
      lows: { shape: [2], values: Float32Array.of(-1, 0) },
      scales: { shape: [2], values: Float32Array.of(0.1, 1) },
      positions: { shape: [5, 2], values: Uint16Array.of(0, 0, 65535, 0, 0, 65535, 65535, 65535, 0, 0) },
      labels: row(Uint8Array.of(0, 0, 1, 1, 1)),
      predicted: row(Uint8Array.of(0, 1, 1, 0, 1)),
      confidences: row(Float32Array.of(0.9, 0.5, 0.8, 0.75, 0.6)),
      outlier_scores: row(Float32Array.of(1, 2, 4, 8, 16)),
      thumbnails: row(Uint16Array.of(4, 3, 2, 1, 0)),
    },
    { layer: 'dense', neighbours: '2', chunk: '3' },
  );
  return new DigitMap(buffer);
}

test('the nearest digits are found by the distance of their features, without the digit itself', async () => {
  const map = await five();
  assert.deepEqual([map.count, map.units, map.layer, map.chunk], [5, 2, 'dense', 3]);
  const rounded = (found) => found.map(({ row, distance }) => [row, Math.round(distance * 1000) / 1000]);
  assert.deepEqual(rounded(map.neighbours(map.features(0), 0)), [[1, 1], [2, 2]]); // prettier-ignore
  assert.deepEqual(rounded(map.neighbours(map.features(0))), [[0, 0], [1, 1]]); // prettier-ignore
  assert.deepEqual(rounded(map.neighbours(Uint8Array.of(0, 10), 3)).map(([row]) => row), [0, 1]); // prettier-ignore
});

test('values are quantised as the features are, and limited to a byte', async () => {
  const map = await five();
  assert.deepEqual(map.quantise(Float32Array.of(0, 3.4)), Uint8Array.of(10, 3));
  assert.deepEqual(map.quantise(Float32Array.of(-50, 9999)), Uint8Array.of(0, 255));
});

test('a drawing is placed at the mean of its neighbours, the nearer one counting more', async () => {
  const map = await five();
  const [x, y] = map.meanPlace([{ row: 0, distance: 1 }, { row: 1, distance: 3 }]); // prettier-ignore
  assert.ok(Math.abs(x - 0.25) < 1e-9 && y === 0);
  const [near] = map.meanPlace([{ row: 1, distance: 0 }, { row: 0, distance: 5 }]); // prettier-ignore
  assert.ok(near > 0.999);
});

test('filters select mistakes and outliers, of one true class or of all', async () => {
  const map = await five();
  assert.deepEqual(map.rows('all'), [0, 1, 2, 3, 4]);
  assert.deepEqual(map.rows('mistakes'), [3, 1]); // the surest first
  assert.deepEqual(map.rows('mistakes', 0), [1]);
  assert.deepEqual(map.rows('outliers'), [4]);
  assert.deepEqual(map.rows('outliers', 0), []);
});

test('an outlier score is compared with those of the test digits', async () => {
  const map = await five();
  assert.equal(outlierScore([{ distance: 1 }, { distance: 4 }]), 2.5);
  assert.deepEqual([0.5, 1, 3, 99].map((score) => map.shareBelow(score)), [0, 0, 0.4, 1]); // prettier-ignore
});

test('what is under the pointer stays there when the map is zoomed', () => {
  const viewport = new Viewport();
  viewport.resize(600, 400);
  const place = viewport.toPlace(350, 180);
  for (const factor of [2, 3, 0.7]) {
    viewport.zoom(factor, 350, 180);
    const [x, y] = viewport.toPixels(place);
    assert.ok(Math.hypot(x - 350, y - 180) < 1e-6);
  }
  viewport.zoom(1e9);
  assert.equal(viewport.scale, LARGEST_SCALE);
  viewport.reset();
  assert.deepEqual(viewport.toPixels([0.5, 0.5]), [300, 200]);
});

test('the map cannot be moved out of view, and a hidden digit is brought into it', () => {
  const viewport = new Viewport();
  viewport.resize(600, 400);
  viewport.pan(1000, 1000);
  assert.deepEqual(viewport.toPixels([0.5, 0.5]), [300, 200]); // all of it is visible: nothing moves
  viewport.zoom(8);
  viewport.pan(1e6, 1e6);
  const [left, top] = viewport.toPixels([0, 0]);
  assert.ok(left >= 0 && left < 30 && top >= 0 && top < 30);
  viewport.reveal([1, 1]);
  assert.ok(viewport.has(viewport.toPixels([1, 1])));
});
