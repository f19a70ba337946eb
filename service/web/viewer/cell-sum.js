import { el, number, replaceContent } from '../lib/dom.js';
import { t } from '../lib/i18n.js';
import { exact, short } from '../lib/numbers.js';
import { INPUT } from '../models/graph.js';
import { bar } from '../parts/bar.js';
import { problemNote } from '../parts/problem.js';

/** The arithmetic of the selected cell in short: its value, how many terms it has, and the largest. */
export class CellSum {
  #store;
  #title = el('h2', { id: 'sum-title' });
  #place = el('div', { class: 'place' });
  #body = el('div', { class: 'terms-in-short' });

  constructor(root, { store }) {
    this.#store = store;
    root.append(this.#title, this.#place, this.#body);
    store.watch(['lang', 'cell', 'layer'], (state) => this.#drawPlace(state));
    store.watch(['lang', 'cell', 'explanation', 'explanationProblem'], (state) => this.#draw(state));
  }

  #drawPlace({ cell, layer }) {
    this.#title.textContent = t('viewer.sum');
    if (!cell) return this.#place.replaceChildren(el('p', { class: 'soft' }, t('viewer.sum.pick')));
    const isMap = layer.shape.length === 3;
    const name = t(isMap ? 'viewer.channel' : 'viewer.unit', { channel: cell.channel });
    const fields = isMap ? ['row', 'column'].map((axis, i) => this.#field(axis, layer.shape[i])) : [];
    return replaceFields(this.#place, el('strong', {}, name), ...fields);
  }

  #field(axis, count) {
    const change = ({ target }) => {
      const value = Math.round(Math.max(0, Math.min(count - 1, Number(target.value))));
      this.#store.set({ cell: { ...this.#store.state.cell, [axis]: value } });
    };
    const field = el('input', {
      type: 'number',
      min: 0,
      max: count - 1,
      value: this.#store.state.cell[axis],
      onchange: change,
      'data-axis': axis,
    });
    return el('label', {}, t(`viewer.${axis}`), field);
  }

  #draw({ cell, explanation, explanationProblem }) {
    if (explanationProblem) return this.#body.replaceChildren(problemNote(explanationProblem));
    const isCurrent =
      cell && explanation && Object.keys(cell).every((key) => explanation.cell[key] === cell[key]);
    if (!isCurrent) return this.#body.replaceChildren();
    replaceContent(this.#body, ...summary(explanation));
    const { pre, post } = explanation;
    this.#store.set({ announcement: t('viewer.sum.value', { value: short(post ?? pre) }) });
    return undefined;
  }
}

/** Replace the fields of a cell, and keep the focus on the one of the same axis. */
function replaceFields(node, ...children) {
  const { axis } = document.activeElement?.dataset ?? {};
  node.replaceChildren(...children);
  if (axis) node.querySelector(`[data-axis="${axis}"]`)?.focus();
}

function summary(explanation) {
  const { pre, post, activation, terms, operands } = explanation;
  const value = el(
    'p',
    { class: 'value' },
    number(post ?? pre, short(post ?? pre), { title: exact(post ?? pre) }),
  );
  const before =
    post !== null && post !== undefined && post !== pre
      ? [el('p', { class: 'soft' }, t('viewer.sum.activation', { activation, value: short(pre) }))]
      : [];
  if (terms) return [value, ...before, ...weighted(explanation)];
  if (operands)
    return [
      value,
      ...before,
      list(operands.map(({ source, value: operand }) => [shortName(source), operand])),
    ];
  const rule = explanation.mean === undefined ? [] : [el('p', { class: 'soft' }, t('viewer.sum.norm'))];
  return [value, ...before, ...rule, el('p', {}, plain(explanation))];
}

/** Describe a sum: its number of terms, the largest, the rest and the bias. */
function weighted({ terms, count = terms.length, rest = 0, bias = 0 }) {
  const sorted = terms.toSorted((a, b) => Math.abs(b.contribution) - Math.abs(a.contribution));
  const rows = sorted.map((term) => [
    term.source ? shortName(term.source) : t('viewer.input-channel', { channel: term.channel }),
    term.contribution,
  ]);
  if (count > terms.length)
    rows.push([t('viewer.sum.rest', { count: (count - terms.length).toLocaleString('en') }), rest]);
  if (bias) rows.push([t('viewer.sum.bias'), bias]);
  return [
    el('p', { class: 'soft' }, t('viewer.sum.count', { count: count.toLocaleString('en') })),
    list(rows),
  ];
}

/** Describe how other layers compute a value. */
function plain({
  kind,
  x,
  mean,
  gamma,
  beta,
  variance,
  epsilon,
  scale,
  offset,
  source,
  winner,
  count,
  patch,
}) {
  if (mean !== undefined) {
    const factor = gamma / Math.sqrt(variance + epsilon);
    return `(${short(x)} − ${short(mean)}) × ${short(factor)} + ${short(beta)}`.replace('− −', '+ ');
  }
  if (scale !== undefined) return `${short(x)} × ${short(scale)} + ${short(offset)}`;
  if (winner) return t('viewer.sum.max', { count: patch.flat().length, cell: nameOf(winner) });
  if (count) return t('viewer.sum.mean', { count });
  return source ? t('viewer.sum.copy', { cell: nameOf(source) }) : t('viewer.sum.padding', { kind });
}

function list(rows) {
  const most = Math.max(...rows.map(([, value]) => Math.abs(value))) || 1;
  return el(
    'ol',
    {},
    ...rows.map(([name, value]) =>
      el(
        'li',
        {},
        el('span', { class: 'label', title: name }, name),
        number(value, short(value), { title: exact(value) }),
        bar(value, most),
      ),
    ),
  );
}

/** Name a cell in short, for a list. */
function shortName({ layer, channel, row, column }) {
  const name = layer === INPUT ? t('viewer.input') : layer;
  return isSet(row) && isSet(column) ? `${name} ${channel} (${row}, ${column})` : `${name} ${channel}`;
}

/** Name a cell of a layer, or of the input. */
function nameOf({ layer, channel, row, column }) {
  const name = layer === INPUT ? t('viewer.input') : layer;
  const isMap = isSet(row) && isSet(column);
  return t(isMap ? 'cell.map' : 'cell.unit', { layer: name, channel, row, column });
}

const isSet = (value) => value !== null && value !== undefined;
