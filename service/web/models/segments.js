// Several digits in one picture or drawing, as the service finds them there (`segment` of POST /predict).

import { fromText } from './strokes.js';

const OVERLAP = 0.25; // of the narrower stroke's width, above which strokes belong to one digit
const TALL = 0.4; // of the tallest group's height, from which a group of strokes may be a digit

/** Return the segments that the service found, in reading order.
 *
 * @returns [{label, confidence (null for an empty cell of a grid), isDigit, isFamiliar, row, column (null
 *   where no grid was asked for), box {left, top, width, height} in pixels of the picture, digit}]
 */
export function segmentsOf(predictions, input) {
  return predictions.map(({ label, confidence, in_distribution, preprocessing, segment, digit }) => {
    const [left, top, width, height] = preprocessing.bounding_box;
    return {
      label,
      confidence,
      isDigit: segment.is_digit,
      isFamiliar: in_distribution,
      row: segment.row,
      column: segment.column,
      box: { left, top, width, height },
      digit: { ...input, pixels: fromText(digit) },
    };
  });
}

/** Whether segments are several digits, and not one with other strokes beside it; any grid counts. */
export function areSeveral(segments) {
  const digits = segments.filter(({ isDigit, isFamiliar }) => isDigit && isFamiliar !== false);
  return digits.length > 1 || segments.some(({ isDigit, column }) => isDigit && column !== null);
}

/** Return the segments by row, each with its index. */
export function rowsOf(segments) {
  const rows = new Map();
  segments.forEach((segment, index) => {
    rows.set(segment.row, [...(rows.get(segment.row) ?? []), { ...segment, index }]);
  });
  return [...rows.values()];
}

/** Return the number in each row; □ is a sign that is no digit, · an empty cell of a grid. */
export function readOut(segments) {
  const signOf = ({ label, isDigit }) => (isDigit ? label : label === null ? '·' : ' □ ');
  return rowsOf(segments).map((row) => row.map(signOf).join('').replaceAll('  ', ' ').trim());
}

/** Return the digit that an arrow key moves to, above and below the nearest one; null for another key. */
export function stepFrom(segments, index, key) {
  const digits = rowsOf(segments)
    .map((row) => row.filter(({ isDigit }) => isDigit))
    .filter((row) => row.length);
  const flat = digits.flat();
  const at = flat.findIndex((segment) => segment.index === index);
  const row = digits.findIndex((each) => each.includes(flat[at]));
  const nearest = (others) => others && closest(others, flat[at].box);
  const to = {
    ArrowLeft: () => flat[at - 1],
    ArrowRight: () => flat[at + 1],
    ArrowUp: () => nearest(digits[row - 1]),
    ArrowDown: () => nearest(digits[row + 1]),
    Home: () => flat[0],
    End: () => flat.at(-1),
  }[key];
  return to ? (to()?.index ?? index) : null;
}

/** Return the index of the digit where another one was, or the nearest; without one, of the first digit. */
export function digitAt(segments, box) {
  const digits = rowsOf(segments)
    .flat()
    .filter(({ isDigit }) => isDigit);
  return (box ? closest(digits, box) : digits[0]).index;
}

function closest(segments, box) {
  const centre = ({ left, top, width, height }) => [left + width / 2, top + height / 2];
  const [x, y] = centre(box);
  const distance = ({ box: other }) => Math.hypot(centre(other)[0] - x, centre(other)[1] - y);
  return segments.reduce((best, each) => (distance(each) < distance(best) ? each : best));
}

/** Whether strokes may be several digits: two tall groups of them are side by side. */
export function mayBeSeveral(strokes) {
  const groups = [];
  for (const span of strokes.map(spanOf).sort((a, b) => a.left - b.left)) {
    const last = groups.at(-1);
    const shared = last ? last.right - span.left : 0;
    if (!last || shared <= OVERLAP * Math.min(last.right - last.left, span.right - span.left)) {
      groups.push(span);
      continue;
    }
    last.right = Math.max(last.right, span.right);
    last.top = Math.min(last.top, span.top);
    last.bottom = Math.max(last.bottom, span.bottom);
  }
  const heights = groups.map(({ top, bottom }) => bottom - top);
  return heights.filter((height) => height >= TALL * Math.max(...heights)).length > 1;
}

function spanOf({ points, brush }) {
  const [xs, ys] = [0, 1].map((axis) => points.map((point) => point[axis]));
  const half = brush / 2;
  return {
    left: Math.min(...xs) - half,
    right: Math.max(...xs) + half,
    top: Math.min(...ys) - half,
    bottom: Math.max(...ys) + half,
  };
}
