import { gradient } from '../lib/colours.js';
import { el } from '../lib/dom.js';
import { short } from '../lib/numbers.js';

/** Create a colour bar with numbers: 0 is in the middle, or at the left where no value is below 0. */
export function legend(limit, isDiverging, text = short) {
  const ends = isDiverging ? [-limit, 0, limit] : [0, limit];
  return el(
    'div',
    { class: 'legend' },
    el('div', { class: 'ramp', style: `background: ${gradient(isDiverging)}` }),
    el('div', { class: 'marks' }, ...ends.map((value) => el('span', {}, text(value)))),
  );
}
