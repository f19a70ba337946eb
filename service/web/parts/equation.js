import { el, number } from '../lib/dom.js';
import { exact } from '../lib/numbers.js';
import { t } from '../lib/i18n.js';
import { addUp } from '../models/sum.js';

/** The arithmetic in one line, in full precision, and whether it is what the server computed. */
export function equation(explanation) {
  if (explanation.kind === 'digit') return pixelEquation(explanation.byte);
  const { sum, difference, agrees } = addUp(explanation);
  const { activation, post, value, kind } = explanation;
  const steps = [
    ...left(explanation, sum),
    ['=', term(kind === 'Dense' || kind === 'Conv2D' ? 'pre' : 'value', sum, 'sum')],
  ];
  if (activation !== 'linear') steps.push([`→ ${activation} →`, term('post', post, 'post')]);
  const parts = steps.flatMap(([operator, node]) => [
    ...(operator ? [el('span', { class: 'operator' }, operator)] : []),
    node,
  ]);
  if (activation === 'linear') parts.at(-1).querySelector('data').dataset.role = 'post';
  const told = { value: exact(value), difference: difference.toExponential(1) };
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
      agrees ? `✓ ${t(difference ? 'sum.agrees' : 'sum.exact', told)}` : `✗ ${t('sum.differs', told)}`,
    ),
  ];
}

/** What stands left of the equals sign, by kind of layer. */
function left({ kind, terms, bias, patch }, sum) {
  if (kind === 'MaxPooling2D') return [['', plain(t('sum.max', { count: patch.flat().length }))]];
  if (kind === 'AveragePooling2D') return [['', plain(t('sum.mean', { count: patch.flat().length }))]];
  if (kind === 'Flatten') return [['', plain(t('sum.copy'))]];
  const label = kind === 'Conv2D' ? t('sum.channels', { count: terms.length }) : t('sum.inputs');
  return [
    ['', term(null, sum - bias, 'terms', label)],
    ['+', term('bias', bias, 'bias')],
  ];
}

function term(key, value, role, label = t(`sum.${key}`)) {
  return el(
    'div',
    { class: 'term' },
    el('span', { class: 'soft' }, label),
    number(value, exact(value), { 'data-role': role }),
  );
}

function plain(text) {
  return el('div', { class: 'term' }, el('span', { class: 'operation' }, text));
}

function pixelEquation(byte) {
  return [
    el(
      'div',
      { class: 'line' },
      plain(`${byte} ÷ 255`),
      el('span', { class: 'operator' }, '='),
      term('value', Math.fround(byte / 255), 'post'),
    ),
  ];
}
