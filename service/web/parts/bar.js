import { el } from '../lib/dom.js';

/** Create a bar for a term's contribution: to the right and orange above 0, to the left and blue below. */
export function bar(value, most) {
  const share = Math.min(Math.abs(value) / most, 1);
  return el(
    'span',
    { class: value < 0 ? 'amount takes' : 'amount', 'aria-hidden': 'true' },
    el('i', { style: `--share: ${share}` }),
  );
}
