import { gradient } from '../lib/colours.js';
import { el } from '../lib/dom.js';
import { short } from '../lib/numbers.js';

/** Create a colour bar with its two ends as numbers: 0 is in the middle, or at the left where no value
 * is below 0.
 */
export function legend(limit, isDiverging, text = short) {
  const [low, high] = isDiverging ? [-limit, limit] : [0, limit];
  return el(
    'div',
    { class: 'legend' },
    el('span', {}, text(low)),
    el('div', { class: 'ramp', style: `background: ${gradient(isDiverging)}` }),
    el('span', {}, text(high)),
  );
}
