import { kindOf } from './kinds.js';

const ROUNDING = 1e-5; // float32 against float64 over some hundred products, as a share

/** Compute a cell's value again from its explanation, and compare it with the graph's value. */
export function addUp(explanation) {
  const sum = kindOf(explanation.kind).value(explanation);
  const difference = Math.abs(sum - explanation.value);
  return { sum, difference, agrees: difference <= ROUNDING * Math.max(1, Math.abs(sum)) };
}

/** Sort terms by contribution, the largest first; equal ones stay in order. */
export function bySize(terms) {
  return terms
    .map((term, place) => ({ ...term, place }))
    .sort((a, b) => Math.abs(b.contribution) - Math.abs(a.contribution) || a.place - b.place);
}

/** Return the cell of the layer before at a place of a patch; null in padding. */
export function patchCell({ window, input }, channel, row, column, rows, columns) {
  const cell = { layer: input, channel, row: window.top + row, column: window.left + column };
  const inside = cell.row >= 0 && cell.column >= 0 && cell.row < rows && cell.column < columns;
  return inside ? cell : null;
}
