const ROUNDING = 1e-5; // float32 against float64 over some hundred products, as a share

/** An explanation added up again, term by term, and compared with what the graph computed. */
export function addUp(explanation) {
  const sum = total(explanation);
  const difference = Math.abs(sum - explanation.value);
  return { sum, difference, agrees: difference <= ROUNDING * Math.max(1, Math.abs(sum)) };
}

function total(explanation) {
  const { kind, terms, bias, rest = 0, patch, pre } = explanation;
  if (kind === 'MaxPooling2D') return Math.max(...patch.flat());
  if (kind === 'AveragePooling2D') return plus(patch.flat()) / explanation.count;
  if (kind === 'Flatten') return pre;
  if (kind === 'Dense') return plus(terms.map((term) => term.value * term.weight)) + rest + bias;
  return plus(terms.map(channelSum)) + bias;
}

/** patch × kernel, added up, of one input channel. */
function channelSum({ patch, kernel }) {
  return plus(patch.flatMap((row, r) => row.map((value, c) => value * kernel[r][c])));
}

/** The terms, largest contribution first; of equals the first channel first. */
export function bySize(terms) {
  return terms
    .map((term, place) => ({ ...term, place }))
    .sort((a, b) => Math.abs(b.contribution) - Math.abs(a.contribution) || a.place - b.place);
}

/** The cell of the layer before at a place of a patch; null in padding. */
export function patchCell({ window, input }, channel, row, column, rows, columns) {
  const cell = { layer: input, channel, row: window.top + row, column: window.left + column };
  const inside = cell.row >= 0 && cell.column >= 0 && cell.row < rows && cell.column < columns;
  return inside ? cell : null;
}

function plus(numbers) {
  return numbers.reduce((sum, number) => sum + number, 0);
}
