import { css, textColour } from '../lib/colours.js';
import { el, number, sharpContext } from '../lib/dom.js';
import { exact, short } from '../lib/numbers.js';
import { extent } from '../lib/math.js';
import { cellImage, diverging, draw } from '../lib/paint.js';
import { t } from '../lib/i18n.js';
import { bySize, patchCell } from '../models/sum.js';
import { bar } from './bar.js';
import { figure, format } from './figure.js';

/** List patch × kernel of every input channel, the largest contribution first; show one in numbers. */
export function convolutionTerms({ explanation, network, follow, term, choose }) {
  const terms = bySize(explanation.terms);
  const selected = terms.find(({ channel }) => channel === term) ?? terms[0];
  const limits = {
    patch: extent(terms.flatMap(({ patch }) => patch.flat())),
    kernel: extent(terms.flatMap(({ kernel }) => kernel.flat())),
    product: extent(terms.flatMap(({ products }) => products.flat())),
  };
  const most = Math.abs(terms[0].contribution) || 1;
  const rows = terms.map((each) => row(each, each === selected, limits, most, () => choose(each.channel)));
  const title = t('terms.channels', { count: terms.length });
  return [
    el('section', {}, ...detail(selected, explanation, network, limits, follow)),
    el('section', {}, el('h3', {}, title), el('ol', { class: 'list', tabindex: 0, 'aria-label': title }, ...rows)),
  ];
}

/** Show one input channel in numbers; each cell of the patch links to the cell that it comes from. */
function detail(selected, explanation, network, limits, follow) {
  const { channel, patch, kernel, products, contribution } = selected;
  const readout = el('output', { class: 'readout' });
  const showProduct = (r, c) => {
    const [left, right, product] = [patch, kernel, products].map((each) => format(each[r][c]));
    readout.textContent = `${left} × ${right} = ${product}`;
  };
  const source = network.find(explanation.input);
  const [rows, columns] = source
    ? [source.rows, source.columns]
    : [network.input.height, network.input.width];
  const link = (value, r, c) => {
    const cell = patchCell(explanation, channel, r, c, rows, columns);
    if (!cell) return el('span', { class: 'cell padding', title: t('terms.padding') }, '0');
    return el(
      'button',
      {
        type: 'button',
        class: 'cell',
        style: colours(value, limits.patch),
        title: exact(value),
        'aria-label': t('terms.go', { row: cell.row, column: cell.column, value: short(value) }),
        onclick: () => follow(cell),
        onfocus: () => showProduct(r, c),
        onpointerenter: () => showProduct(r, c),
      },
      short(value),
    );
  };
  const plain = (limit) => (value, r, c) =>
    number(value, short(value), {
      class: 'cell',
      style: colours(value, limit),
      title: exact(value),
      onpointerenter: () => showProduct(r, c),
    });
  showProduct(...strongest(products));
  return [
    el(
      'h3',
      {},
      t(explanation.terms.length === 1 ? 'terms.pixels' : 'terms.channel', { channel }),
      ' ',
      figure(contribution),
    ),
    el(
      'div',
      { class: 'product' },
      grid(t('terms.patch'), patch, link),
      el('span', { class: 'operator' }, '×'),
      grid(t('terms.kernel'), kernel, plain(limits.kernel)),
      el('span', { class: 'operator' }, '='),
      grid(t('terms.products'), products, plain(limits.product)),
    ),
    readout,
  ];
}

function row({ channel, patch, kernel, products, contribution }, isSelected, limits, most, onclick) {
  const canvas = el('canvas', { 'aria-hidden': 'true' });
  const factor = Math.max(2, Math.floor(24 / Math.max(patch.length, patch[0].length)));
  const [height, width] = [patch.length * factor, patch[0].length * factor];
  const context = sharpContext(canvas, 3 * width + 24, height);
  [
    [patch, limits.patch],
    [kernel, limits.kernel],
    [products, limits.product],
  ].forEach(([values, limit], i) => {
    draw(
      context,
      cellImage(values.flat(), patch[0].length, diverging(limit)),
      i * (width + 12),
      0,
      width,
      height,
    );
  });
  return el(
    'li',
    {},
    el(
      'button',
      { type: 'button', 'aria-pressed': String(isSelected), onclick },
      el('span', { class: 'index' }, t('terms.row', { channel })),
      canvas,
      bar(contribution, most),
      figure(contribution),
    ),
  );
}

/** Create a grid of numbers; `cell(value, row, column)` creates each of them. */
export function grid(title, values, cell) {
  const cells = values.flatMap((line, r) => line.map((value, c) => cell(value, r, c)));
  return el(
    'div',
    { class: 'grid', role: 'group', 'aria-label': title },
    el('span', { class: 'soft' }, title),
    el('div', { style: `--columns: ${values[0].length}` }, ...cells),
  );
}

/** Return the background and the text colour of a value as a CSS style. */
export function colours(value, limit) {
  return `background: ${css(value, limit)}; color: ${textColour(value, limit)}`;
}

/** Return [row, column] of the product that is furthest from 0. */
function strongest(products) {
  const flat = products.flat();
  const at = flat.reduce((best, value, i) => (Math.abs(value) > Math.abs(flat[best]) ? i : best), 0);
  return [Math.floor(at / products[0].length), at % products[0].length];
}
