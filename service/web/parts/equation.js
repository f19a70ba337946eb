import { el } from '../lib/dom.js';
import { t } from '../lib/i18n.js';
import { kindOf } from '../models/kinds.js';
import { intensity } from '../models/pixels.js';
import { addUp } from '../models/sum.js';
import { figure, format } from './figure.js';

/** Show an explanation's arithmetic in one line, and whether it gives the value that the graph has. */
export function equation(explanation) {
  const { sum, difference, agrees } = addUp(explanation);
  const { activation, pre, post, value } = explanation;
  const kind = kindOf(explanation.kind);
  // One sum, the service's: the page's own, in another order, may differ in the last digit, and beside
  // `post` it would look as if the activation function had changed the value.
  const steps = [
    ...leftSide(kind, explanation, pre),
    ['=', term(kind.hasWeights ? 'pre' : 'value', pre, 'sum')],
  ];
  if (activation !== 'linear') steps.push(['→', term('post', post, 'post', `${activation}: ${t('sum.post')}`)]);
  const parts = steps.flatMap(([operator, node]) => [el('span', { class: 'operator' }, operator), node]);
  if (activation === 'linear') parts.at(-1).querySelector('data').dataset.role = 'post';
  const numbers = { value: format(value), difference: difference.toExponential(1) };
  return [
    el('div', { class: 'line' }, ...parts),
    el(
      'p',
      {
        class: agrees ? 'tick' : 'tick wrong',
        'data-agrees': String(agrees),
        'data-sum': sum,
        'data-value': value,
      },
      agrees ? `✓ ${t(explanation.isConfirmed ? 'sum.agrees' : 'sum.page', numbers)}` : `✗ ${t('sum.differs', numbers)}`,
    ),
  ];
}

/** Return the left side of the equation: [operator, node] of each step. */
function leftSide(kind, explanation, pre) {
  const operation = t(...kind.operation(explanation));
  if (!kind.hasWeights) return [['', plain(operation)]];
  const { bias } = explanation;
  return [
    ['', term(null, pre - bias, 'terms', operation)],
    ['+', term('bias', bias, 'bias')],
  ];
}

function term(key, value, role, label = t(`sum.${key}`)) {
  return el(
    'div',
    { class: 'term' },
    el('span', { class: 'soft' }, label),
    figure(value, { 'data-role': role }),
  );
}

function plain(text) {
  return el('div', { class: 'term' }, el('span', { class: 'operation' }, text));
}

/** Show how a pixel becomes a value of the model's input. */
export function pixelEquation(byte) {
  return [
    el(
      'div',
      { class: 'line' },
      el('span', { class: 'operator' }),
      plain(`${byte} ÷ 255`),
      el('span', { class: 'operator' }, '='),
      term('value', intensity(byte), 'post'),
    ),
  ];
}
