import { el } from '../lib/dom.js';

/** How much a term adds (to the right, orange) or takes (to the left, blue). */
export function bar(value, most) {
  const share = Math.min(Math.abs(value) / most, 1);
  return el(
    'span',
    { class: value < 0 ? 'amount takes' : 'amount', 'aria-hidden': 'true' },
    el('i', { style: `--share: ${share}` }),
  );
}
