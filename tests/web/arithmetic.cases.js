// Run by test_arithmetic.py under `node --test`. The environment variable CASES names the file with
// random inputs and the results of SciPy, Keras and NumPy for them.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import * as arithmetic from '../../service/web/lab/arithmetic.js';
import { multiply, sum } from '../../service/web/lib/math.js';

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

test('a convolution equals scipy.signal.correlate', () => {
  for (const { maps, kernels, expected, ...options } of cases.convolutions) {
    close(convolveChannels(maps.map(mapOf), kernels.map(mapOf), options), expected);
    if (maps.length === 1) close(convolve(mapOf(maps[0]), mapOf(kernels[0]), options), expected);
  }
});

test('pooling equals scipy.ndimage, and the winners are the cells of the largest values', () => {
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

test('ReLU and padding equal those of NumPy', () => {
  for (const { map, padding, padded, rectified } of cases.maps) {
    close(arithmetic.pad(mapOf(map), padding), padded);
    close(relu(mapOf(map)), rectified);
  }
});

test('the sum of one cell is the value of that cell in the map', () => {
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
      return sum(multiply(patch, kernels[channel]).flat());
    });
    const total = sums.reduce((a, b) => a + b, bias);
    assert.ok(Math.abs(total - expected[row][column]) < 1e-5);
  }
});

test('output sizes equal those of Keras, and cells in no window are counted as dropped', () => {
  assert.ok(cases.sizes.length >= 200);
  for (const { output, dropped, ...numbers } of cases.sizes) {
    const expected = output === null ? { error: 'fit' } : { output, dropped };
    assert.deepEqual(arithmetic.outputSize(numbers), expected, JSON.stringify(numbers));
  }
});

test('an invalid number is reported by its name', () => {
  const valid = { size: 5, kernel: 3, padding: 0, stride: 1 };
  for (const [name, value] of [
    ['size', 0],
    ['size', 2.5],
    ['kernel', 0],
    ['padding', -1],
    ['stride', 0],
    ['stride', NaN],
  ]) {
    assert.deepEqual(arithmetic.outputSize({ ...valid, [name]: value }), { error: name });
  }
  assert.throws(() => convolve(mapOf([[1]]), mapOf([[1, 2]])), RangeError);
});

test('parameter counts equal those of Keras, and those without shared weights', () => {
  for (const { inputs, outputs, window, full, local, shared } of cases.layers) {
    assert.deepEqual(arithmetic.parameterCounts({ inputs, outputs, window }), { full, local, shared });
  }
});
