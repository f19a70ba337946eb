import { el } from '../lib/dom.js';
import { extent } from '../lib/math.js';
import { exact, percent, short } from '../lib/numbers.js';
import { t } from '../lib/i18n.js';
import { nameOf } from '../models/naming.js';
import { asCell, sameCell } from '../models/trail.js';
import { bar } from './bar.js';
import { figure, format } from './figure.js';
import { colours, grid } from './convolution-terms.js';

/** Show a pooling window with its largest value or its mean, and the rows that no window reads. */
export function poolingTerms({ explanation, network, follow }) {
  const { patch, window, input, cell, winner, dropped_rows: rows, dropped_columns: columns } = explanation;
  const limit = extent(patch.flat());
  const each = (value, r, c) => {
    const source = {
      layer: input,
      channel: cell.channel,
      row: window.inside.top + r,
      column: window.inside.left + c,
    };
    const wins = winner && sameCell(winner, source);
    return el(
      'button',
      {
        type: 'button',
        class: wins ? 'cell wins' : 'cell',
        style: colours(value, limit),
        title: exact(value),
        'aria-label': t(wins ? 'terms.winner' : 'terms.go', {
          row: source.row,
          column: source.column,
          value: short(value),
        }),
        onclick: () => follow(source),
      },
      short(value),
    );
  };
  const dropped =
    rows.length || columns.length
      ? [el('p', { class: 'note' }, t('pool.dropped', { rows: list(rows), columns: list(columns) }))]
      : [];
  const reason = winner
    ? t('pool.winner', { row: winner.row, column: winner.column, value: format(explanation.pre) })
    : t('pool.mean', { count: explanation.count });
  return [
    el(
      'section',
      {},
      el('h3', {}, t('pool.window', { size: `${patch.length} × ${patch[0].length}` })),
      el('div', { class: 'product large' }, grid(t('terms.patch'), patch, each)),
    ),
    el('section', {}, el('p', {}, reason), winner ? goButton(winner, network, follow) : null, ...dropped),
  ];
}

/** Show the one cell of the layer before that a value is a copy of. */
export function copyTerms({ explanation, network, follow }) {
  return [el('section', {}, el('p', {}, t('flatten.note')), goButton(explanation.source, network, follow))];
}

/** List value × weight of every input, the largest contribution first; `showAll` requests the rest. */
export function denseTerms({ explanation, network, follow, showAll }) {
  const { terms, count, rest } = explanation;
  const most = Math.abs(terms[0]?.contribution) || 1;
  const rows = terms.map(({ source, value, weight, contribution }) =>
    el(
      'li',
      {},
      el(
        'button',
        { type: 'button', class: 'dense', onclick: () => follow(source) },
        el('span', { class: 'index' }, nameOf(asCell(source), network, t)),
        el('span', { class: 'factors' }, `${format(value)} × ${format(weight)}`),
        bar(contribution, most),
        figure(contribution),
      ),
    ),
  );
  const more =
    terms.length < count
      ? [
          el(
            'p',
            { class: 'rest' },
            t('dense.rest', { count: count - terms.length, sum: format(rest) }),
            ' ',
            el('button', { type: 'button', onclick: showAll }, t('dense.all', { count })),
          ),
        ]
      : [];
  const title = t('dense.terms', { count });
  const list = el('ol', { class: 'list', tabindex: 0, 'aria-label': title }, ...rows);
  return [el('section', {}, el('h3', {}, title), list, ...more)];
}

/** Show e^(logit − largest) of every class, and the share of this one. */
export function softmaxTerms({ explanation, network, follow }) {
  const { softmax, cell, post } = explanation;
  const hasLabels = network.labels.length === softmax.logits.length;
  const row = (logit, channel) =>
    el(
      'tr',
      { class: channel === cell.channel ? 'own' : null },
      el(
        'th',
        { scope: 'row' },
        el(
          'button',
          { type: 'button', class: 'quiet', onclick: () => follow({ ...cell, channel }) },
          hasLabels ? network.labels[channel] : channel,
        ),
      ),
      el('td', {}, figure(Math.fround(logit))),
      el('td', {}, figure(softmax.exponentials[channel])),
      el('td', {}, percent(softmax.exponentials[channel] / softmax.sum)),
    );
  const [logit, maximum] = [softmax.logits[cell.channel], softmax.maximum].map(format);
  const total = exact(Math.fround(softmax.sum)); // Four digits of 1.0004 would look like a division by 1.
  const heads = ['softmax.class', 'softmax.logit', 'softmax.exponential', 'softmax.share'];
  const table = el(
    'table',
    {},
    el('thead', {}, el('tr', {}, ...heads.map((key) => el('th', { scope: 'col' }, t(key))))),
    el('tbody', {}, ...softmax.logits.map(row)),
  );
  return [
    el(
      'section',
      {},
      el('h3', {}, t('softmax')),
      el('p', { class: 'readout' }, `e^(${logit} − ${maximum}) ÷ ${total} = ${format(post)}`),
      el('div', { class: 'scroll', tabindex: 0, role: 'group', 'aria-label': t('softmax') }, table),
    ),
  ];
}

function goButton(cell, network, follow) {
  return el(
    'button',
    { type: 'button', 'data-action': 'follow', onclick: () => follow(cell) },
    `${t('follow', { cell: nameOf(asCell(cell), network, t) })} →`,
  );
}

const list = (numbers) => numbers.join(', ') || '–';
