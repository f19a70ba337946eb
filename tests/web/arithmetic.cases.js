// Run by test_arithmetic.py under `node --test`; what SciPy, Keras and NumPy make of random inputs
// lies in the file that CASES names.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import * as arithmetic from '../../service/web/lab/arithmetic.js';

const cases = JSON.parse(readFileSync(process.env.CASES, 'utf8'));
const { convolve, convolveChannels, linesOf, mapOf, pool, relu } = arithmetic;

function close(map, lines) {
  assert.deepEqual([map.rows, map.columns], [lines.length, lines[0].length]);
  linesOf(map).forEach((line, row) =>
    line.forEach((value, column) => {
      const expected = lines[row][column];
      assert.ok(Math.abs(value - expected) < 1e-5, `${value} is not ${expected} at ${row}, ${column}`);
    }),
  );
}

test('a convolution is what scipy.signal.correlate makes of it', () => {
  for (const { maps, kernels, expected, ...options } of cases.convolutions) {
    close(convolveChannels(maps.map(mapOf), kernels.map(mapOf), options), expected);
    if (maps.length === 1) close(convolve(mapOf(maps[0]), mapOf(kernels[0]), options), expected);
  }
});

test('pooling is what scipy.ndimage makes of it, and the winners hold the largest values', () => {
  for (const { map, size, stride, largest, average } of cases.poolings) {
    const max = pool(mapOf(map), { size, stride, kind: 'max' });
    close(max, largest);
    close(pool(mapOf(map), { size, stride, kind: 'average' }), average);
    max.winners.forEach((winner, i) => {
      assert.equal(map.flat()[winner], max.values[i]);
      const [row, column] = [Math.floor(winner / map[0].length), winner % map[0].length];
      const [top, left] = [Math.floor(i / max.columns) * stride, (i % max.columns) * stride];
      assert.ok(row >= top && row < top + size && column >= left && column < left + size);
    });
  }
});

test('ReLU and padding are what NumPy makes of them', () => {
  for (const { map, padding, padded, silenced } of cases.maps) {
    close(arithmetic.pad(mapOf(map), padding), padded);
    close(relu(mapOf(map)), silenced);
  }
});

test('one cell worked out by hand is the same cell of the map', () => {
  for (const { maps, kernels, expected, padding, stride, bias } of cases.convolutions) {
    const row = expected.length - 1;
    const column = expected[0].length - 1;
    const window = {
      top: row * stride,
      left: column * stride,
      height: kernels[0].length,
      width: kernels[0][0].length,
    };
    const sums = maps.map((map, channel) => {
      const patch = arithmetic.patchAt(arithmetic.pad(mapOf(map), padding), window);
      return arithmetic.sum(arithmetic.multiply(patch, kernels[channel]));
    });
    const total = sums.reduce((a, b) => a + b, bias);
    assert.ok(Math.abs(total - expected[row][column]) < 1e-5);
  }
});

test('output sizes are those of Keras, and what no window reads is dropped', () => {
  assert.ok(cases.sizes.length >= 200);
  for (const { output, dropped, ...numbers } of cases.sizes) {
    const expected = output === null ? { error: 'fit' } : { output, dropped };
    assert.deepEqual(arithmetic.outputSize(numbers), expected, JSON.stringify(numbers));
  }
});

test('numbers that make no sense are refused by name', () => {
  const sound = { size: 5, kernel: 3, padding: 0, stride: 1 };
  for (const [name, value] of [
    ['size', 0],
    ['size', 2.5],
    ['kernel', 0],
    ['padding', -1],
    ['stride', 0],
    ['stride', NaN],
  ]) {
    assert.deepEqual(arithmetic.outputSize({ ...sound, [name]: value }), { error: name });
  }
  assert.throws(() => convolve(mapOf([[1]]), mapOf([[1, 2]])), RangeError);
});

test('parameter counts are those of Keras, and of a network without shared weights', () => {
  for (const { inputs, outputs, window, full, local, shared } of cases.layers) {
    assert.deepEqual(arithmetic.parameterCounts({ inputs, outputs, window }), { full, local, shared });
  }
});
