import assert from 'node:assert/strict';
import { test } from 'node:test';

import {
  areSeveral,
  digitAt,
  mayBeSeveral,
  readOut,
  segmentsOf,
  stepFrom,
} from '../../service/web/models/segments.js';

const BAR = { brush: 20, points: [] };
const line = (...points) => ({ ...BAR, points });

/** Return a segment whose box begins at (left, top). */
function segment(label, row, left, others = {}) {
  const box = { left, top: 40 * row, width: 20, height: 30 };
  return { label, isDigit: true, isFamiliar: true, row, column: null, box, ...others };
}
const sign = (row, left) => segment('1', row, left, { isDigit: false });
const empty = (row, column) => segment(null, row, 30 * column, { column, isDigit: false });
const cell = (label, row, column) => segment(label, row, 30 * column, { column });

test('a response becomes segments with a place, a box and the pixels that the service prepared', () => {
  const prediction = {
    label: '7',
    confidence: 0.9,
    in_distribution: false,
    preprocessing: { bounding_box: [5, 6, 7, 8] },
    segment: { index: 0, row: 2, column: null, is_digit: true, touching: false },
    digit: '/wCA+w==',
  };
  const [found] = segmentsOf([prediction], { height: 2, width: 2, channels: 1 });
  assert.deepEqual(found.box, { left: 5, top: 6, width: 7, height: 8 });
  assert.deepEqual([...found.digit.pixels], [255, 0, 128, 251]);
  assert.deepEqual([found.row, found.isDigit, found.isFamiliar, found.digit.width], [2, true, false, 2]);
});

test('two digits are several, a digit beside another sign or a stain is not; a cell of a grid is', () => {
  assert.ok(areSeveral([segment('3', 0, 0), segment('1', 0, 30)]));
  assert.ok(!areSeveral([segment('3', 0, 0), sign(0, 30)]));
  assert.ok(!areSeveral([segment('3', 0, 0), segment('1', 0, 30, { isFamiliar: false })]));
  assert.ok(!areSeveral([]));
  assert.ok(areSeveral([cell('3', 0, 0), empty(0, 1)]));
  assert.ok(!areSeveral([empty(0, 0), empty(0, 1)]));
});

test('rows are read as numbers, with places for other signs and empty cells', () => {
  assert.deepEqual(readOut(['3', '1', '4'].map((label, i) => segment(label, 0, 30 * i))), ['314']);
  const sum = [segment('1', 0, 0), segment('2', 0, 30), sign(0, 60), segment('3', 0, 90), sign(0, 120)];
  assert.deepEqual(readOut([...sum, segment('9', 1, 0)]), ['12 □ 3 □', '9']);
  assert.deepEqual(readOut([cell('5', 0, 0), empty(0, 1), empty(1, 0), cell('8', 1, 1)]), ['5·', '·8']);
});

test('arrow keys move along and between rows, over signs and empty rows, and stay at the ends', () => {
  const segments = [segment('1', 0, 0), sign(0, 30), segment('2', 0, 60), sign(1, 0), segment('3', 2, 55)];
  const step = (index, key) => stepFrom(segments, index, key);
  assert.deepEqual([step(0, 'ArrowRight'), step(2, 'ArrowLeft'), step(2, 'ArrowRight')], [2, 0, 4]);
  assert.deepEqual([step(0, 'ArrowLeft'), step(4, 'ArrowDown')], [0, 4]);
  assert.deepEqual([step(0, 'ArrowDown'), step(4, 'ArrowUp')], [4, 2]); // 2 is nearer to 55 than 1 is
  assert.deepEqual([step(2, 'Home'), step(0, 'End'), step(0, 'a')], [0, 4, null]);
});

test('the digit where another one was stays selected; else the first one is', () => {
  const segments = [sign(0, 0), segment('1', 0, 30), segment('2', 0, 60)];
  assert.equal(digitAt(segments, null), 1);
  assert.equal(digitAt(segments, { left: 58, top: 2, width: 20, height: 30 }), 2);
  assert.equal(digitAt(segments, { left: 0, top: 0, width: 5, height: 5 }), 1); // not the sign
});

test('only tall groups of strokes side by side may be several digits', () => {
  const one = line([60, 60], [60, 190]);
  const seven = [line([120, 60], [190, 60]), line([190, 60], [140, 190])];
  assert.ok(mayBeSeveral([one, ...seven]));
  assert.ok(mayBeSeveral([...seven, one])); // in any order
  assert.ok(!mayBeSeveral([]));
  assert.ok(!mayBeSeveral([one]));
  assert.ok(!mayBeSeveral(seven));
  assert.ok(!mayBeSeveral([line([60, 60], [60, 120], [150, 120]), line([140, 60], [140, 190])])); // a 4
  assert.ok(!mayBeSeveral([one, line([120, 120], [170, 120])])); // a low stroke beside a digit
  assert.ok(!mayBeSeveral([line([60, 60], [180, 60]), line([60, 60], [60, 120], [150, 190])])); // a 5
});
