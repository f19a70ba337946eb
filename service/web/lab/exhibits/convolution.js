import { el, number } from '../../lib/dom.js';
import { exact, short } from '../../lib/numbers.js';
import { t } from '../../lib/i18n.js';
import { convolve, linesOf, mapOf, multiply, patchAt } from '../arithmetic.js';
import { Board, extent, grey, signed } from '../board.js';
import { button, choice, figure, numbers, operator } from '../controls.js';
import { Desk } from '../desk.js';
import { firstFilters, inkOf } from '../network-parts.js';
import { CROSS, PICTURE } from '../presets.js';

const STEP_MS = 500;
const LECTURES = { name: 'lecture', kernel: mapOf(CROSS), bias: 0, filter: null };

/** A kernel slides over a picture: each place's products, their sum, and the map that comes of it. */
export default class Convolution {
  #context;
  #state;
  #desk;
  #filters = [LECTURES];
  #visited = new Set();
  #timer = null;
  #controlled = null; // what the controls were drawn for
  #parts;

  constructor(root, context) {
    this.#context = context;
    this.#state = context.settings({ source: 'lecture', filter: 0, row: 0, column: 0, all: 0 });
    this.#desk = new Desk(context);
    const actions = {
      onPoint: (row, column) => this.#go(row - this.#half(0), column - this.#half(1)),
      onStep: (down, right) => this.#go(this.#at.row + down, this.#at.column + right),
    };
    this.#parts = {
      input: new Board('input', actions),
      result: new Board('result', {
        ...actions,
        onPoint: (row, column) => this.#go(row, column),
      }),
      controls: el('div', { class: 'controls' }),
      sum: el('div', { class: 'arithmetic' }),
      told: el('p', { class: 'readout', 'aria-live': 'off' }),
    };
    this.#build(root);
    context.api
      .weights()
      .then((tensors) => {
        this.#filters = [LECTURES, ...firstFilters(context.network, tensors)];
        this.#forget();
      })
      .catch(context.failed);
    this.#state.watch(['source', 'filter'], () => this.#forget());
    this.#state.watch(['row', 'column', 'all'], () => this.#draw());
    this.#desk.store.watch(['digit', 'values'], () => this.#forget());
  }

  leave() {
    clearInterval(this.#timer);
  }

  #build(root) {
    const { input, result, controls, sum, told } = this.#parts;
    root.append(
      controls,
      el(
        'div',
        { class: 'bench-row' },
        this.#desk.node,
        figure(t('lab.input'), input.node),
        operator('→'),
        figure(t('lab.map'), result.node),
      ),
      sum,
      told,
      el('p', { class: 'soft' }, t('lab.convolution.keys')),
    );
  }

  /** On another picture: at its corner, of a digit (whose corners are empty) in the middle. */
  #start(source) {
    this.#state.set({ source });
    const { rows, columns } = this.#map;
    this.#go(...(source === 'digit' ? [rows >> 1, columns >> 1] : [0, 0]));
  }

  #half(axis) {
    const { rows, columns } = this.#filter.kernel;
    return ((axis ? columns : rows) - 1) >> 1;
  }

  get #filter() {
    return this.#filters[this.#state.state.filter] ?? LECTURES;
  }

  /** Another picture or kernel: nothing of its map is known yet. */
  #forget() {
    this.#visited.clear();
    this.#draw();
  }

  /** The cell that is worked out; a link may name one beyond the map. */
  get #at() {
    const { rows, columns } = this.#map;
    const { row, column } = this.#state.state;
    return { row: Math.min(row, rows - 1), column: Math.min(column, columns - 1) };
  }

  #go(row, column) {
    const { rows, columns } = this.#map;
    const within = (value, size) => Math.min(Math.max(value, 0), size - 1);
    this.#state.set({ row: within(row, rows), column: within(column, columns) });
  }

  get #picture() {
    const { digit } = this.#desk.store.state;
    return this.#state.state.source === 'digit' ? inkOf(digit, this.#context.network.input) : mapOf(PICTURE);
  }

  get #map() {
    const { kernel, bias } = this.#filter;
    return convolve(this.#picture, kernel, { bias });
  }

  #draw() {
    const [picture, map, { kernel, bias }] = [this.#picture, this.#map, this.#filter];
    const { source, all } = this.#state.state;
    const { row, column } = this.#at;
    this.#visited.add(row * map.columns + column);
    this.#desk.node.hidden = source !== 'digit';
    this.#drawControls();
    const window = { top: row, left: column, height: kernel.rows, width: kernel.columns };
    this.#parts.input.show({
      ...picture,
      palette: source === 'digit' ? grey() : signed(2),
      windows: [window],
      label: t('lab.input'),
      side: 280,
    });
    const known = map.values.map((value, i) => (all || this.#visited.has(i) ? value : NaN));
    this.#parts.result.show({
      ...map,
      values: known,
      palette: signed(extent(map.values)),
      marks: [{ top: row, left: column, height: 1, width: 1 }],
      label: t('lab.map'),
      cell: this.#parts.input.cell,
    });
    const patch = patchAt(picture, window);
    const lines = linesOf(kernel);
    const limit = extent(lines.flat());
    const value = map.values[row * map.columns + column];
    this.#drawSum({ patch, lines, bias, limit, value });
  }

  #drawSum({ patch, lines, bias, limit, value }) {
    const products = multiply(patch, lines);
    this.#parts.sum.replaceChildren(
      numbers(t('terms.patch'), patch, 2),
      operator('×'),
      numbers(this.#filterName(), lines, limit),
      operator('='),
      numbers(t('terms.products'), products, extent(products.flat()) * 2),
      operator('→'),
      el(
        'div',
        { class: 'total' },
        el('span', { class: 'soft' }, t('lab.sum')),
        number(value, exact(Math.fround(value)), { class: 'large', 'data-role': 'sum' }),
      ),
    );
    const terms = products.flat().map((product) => exact(Number(product.toPrecision(4))));
    const added = `${terms.join(' + ').replaceAll('+ −', '− ')}${bias ? ` + ${t('sum.bias')} ${exact(bias)}` : ''}`;
    this.#parts.told.textContent = `${added} = ${exact(Math.fround(value))}${this.#agreement(value)}`;
    const { row, column } = this.#at;
    this.#context.say(t('lab.convolution.said', { row, column, value: short(value) }));
  }

  /** Under a filter of the network, the service has worked out the same cell. */
  #agreement(value) {
    const { filter } = this.#filter;
    const { values } = this.#desk.store.state;
    if (filter === null || this.#state.state.source !== 'digit' || !values) return '';
    const [layer] = this.#context.network.layers;
    const served = values.at({ layer: layer.name, channel: filter, ...this.#at }, 'pre');
    const agrees = Math.abs(served - value) < 1e-5;
    return `  ${agrees ? '✓' : '✗'} ${t('lab.convolution.served', { value: exact(served) })}`;
  }

  #filterName() {
    const { filter } = this.#filter;
    return filter === null ? t('lab.convolution.lectures') : t('lab.filter', { filter });
  }

  #drawControls() {
    const { source, filter, all } = this.#state.state;
    const now = [source, filter, all, Boolean(this.#timer)].join();
    if (now !== this.#controlled) this.#buildControls();
    this.#controlled = now; // a button that is held down while the kernel moves on stays under the finger
    this.#parts.controls.querySelector('[data-do="filter"]').disabled = this.#filters.length === 1;
  }

  #buildControls() {
    const { source, filter, all } = this.#state.state;
    const focused = document.activeElement?.dataset?.do ?? document.activeElement?.id;
    const tool = (name, text, onclick, more = {}) => button(text, onclick, { 'data-do': name, ...more });
    this.#parts.controls.replaceChildren(
      choice(
        'source',
        t('lab.picture'),
        [
          ['lecture', t('lab.convolution.five')],
          ['digit', t('lab.digit')],
        ],
        source,
        (chosen) => this.#start(chosen),
      ),
      tool('filter', t('lab.convolution.filter'), () =>
        this.#state.set({ filter: (filter + 1) % this.#filters.length }),
      ),
      tool('play', t(this.#timer ? 'lab.pause' : 'lab.play'), () => this.#play()),
      tool('all', t('lab.convolution.all'), () => this.#state.set({ all: all ? 0 : 1 }), {
        'aria-pressed': String(Boolean(all)),
      }),
    );
    if (focused) {
      this.#parts.controls.querySelector(`[data-do="${focused}"], #${CSS.escape(focused)}`)?.focus();
    }
  }

  #play() {
    if (this.#timer) clearInterval(this.#timer);
    this.#timer = this.#timer ? null : setInterval(() => this.#next(), STEP_MS);
    this.#drawControls();
  }

  #next() {
    const { rows, columns } = this.#map;
    const at = (this.#at.row * columns + this.#at.column + 1) % (rows * columns);
    this.#state.set({ row: Math.floor(at / columns), column: at % columns });
  }
}
