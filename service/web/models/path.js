import { explainCell } from '../compute/explain.js';
import { DIGIT } from './network.js';

/** Return the cells below a cell, each the one that contributes most to the one above it, down to a
 * pixel; it ends early at a cell that nothing but its bias contributes to.
 *
 * @param context {network, values, digit, weights}
 */
export function pathBelow(cell, context) {
  const path = [];
  let at = cell;
  while (at && at.layer !== DIGIT) {
    at = strongestInput(at, context);
    if (at) path.push(at);
  }
  return path;
}

/** Return the cell before a cell that contributes most to it; null where all contributions are 0. */
function strongestInput(cell, context) {
  const explanation = explainCell(cell, context);
  const { winner, source, terms, window, input } = explanation;
  if (winner ?? source) return winner ?? source;
  if (explanation.patch) return largestOfWindow(explanation);
  if (!window) return largest(terms)?.source ?? null;
  const products = terms.flatMap(({ channel, products: grid }) =>
    grid.flatMap((line, r) =>
      line.map((contribution, c) => ({
        contribution,
        source: { layer: input, channel, row: window.top + r, column: window.left + c },
      })),
    ),
  );
  return largest(products)?.source ?? null;
}

function largestOfWindow({ patch, window, input, cell }) {
  const cells = patch.flatMap((line, r) =>
    line.map((contribution, c) => ({
      contribution,
      source: { layer: input, channel: cell.channel, row: window.inside.top + r, column: window.inside.left + c },
    })),
  );
  return largest(cells)?.source ?? null;
}

/** Return the term that adds most; where none adds anything, the one that takes away most. */
function largest(terms) {
  let best = null;
  for (const term of terms) {
    if (term.contribution && (!best || term.contribution > best.contribution)) best = term;
  }
  if (best && best.contribution < 0) {
    for (const term of terms) if (term.contribution < best.contribution) best = term;
  }
  return best;
}
