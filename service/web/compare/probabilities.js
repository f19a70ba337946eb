import { el, number } from '../lib/dom.js';
import { t } from '../lib/i18n.js';
import { percent } from '../lib/numbers.js';

/** Create the table of the classes: both probabilities as bars, one below the other, and their difference. */
export function probabilities(classes) {
  const head = ['class', 'left', 'right', 'difference'].map((name) => el('th', { scope: 'col' }, headOf(name)));
  return el(
    'table',
    { class: 'probabilities' },
    el('caption', {}, t('compare.probabilities')),
    el('thead', {}, el('tr', {}, ...head)),
    el('tbody', {}, ...classes.map(row)),
  );
}

const headOf = (name) => t(name === 'class' || name === 'difference' ? `compare.${name}` : `compare.side.${name}`);

function row({ label, left, right, difference }) {
  return el(
    'tr',
    {},
    el('th', { scope: 'row' }, label),
    share(left, 'left'),
    share(right, 'right'),
    el('td', {}, difference === null ? '–' : number(difference, t('compare.points', { value: points(difference) }))),
  );
}

function share(probability, side) {
  if (probability === null) return el('td', {}, '–');
  const bar = el('i', { class: side, 'aria-hidden': 'true', style: `--share: ${probability}` });
  return el('td', { class: 'share' }, number(probability, percent(probability)), bar);
}

/** Format a difference of two probabilities in percentage points, with its sign. */
function points(difference) {
  const text = Math.abs(100 * difference).toFixed(2);
  if (text === '0.00') return text;
  return `${difference > 0 ? '+' : '−'}${text}`;
}
