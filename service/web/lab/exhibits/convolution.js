import { el, number } from '../../lib/dom.js';
import { clamp, extent, multiply } from '../../lib/math.js';
import { exact, short } from '../../lib/numbers.js';
import { t } from '../../lib/i18n.js';
import { cellRegion } from '../../models/region.js';
import { convolve, linesOf, mapOf, patchAt } from '../arithmetic.js';
import { Board, grey, signed } from '../board.js';
import { button, choice, figure, numbers, operator } from '../controls.js';
import { InputPanel } from '../input-panel.js';
import { digitMap, firstFilters } from '../network-parts.js';
import { CROSS, PICTURE } from '../presets.js';

const STEP_MS = 500;
const LECTURE_FILTER = { name: 'lecture', kernel: mapOf(CROSS), bias: 0, filter: null };

/** A kernel slides over an image: the products at each place, their sum, and the map of all sums. */
export default class Convolution {
  #context;
  #state;
  #inputPanel;
  #filters = [LECTURE_FILTER];
  #visited = new Set();
  #timer = null;
  #controlState = null; // that the controls were drawn for
  #parts;

  constructor(root, context) {
    this.#context = context;
    this.#state = context.settings({ source: 'lecture', filter: 0, row: 0, column: 0, all: 0 });
    this.#inputPanel = new InputPanel(context);
    const actions = {
      onPoint: (row, column) => this.#select(row - this.#half(0), column - this.#half(1)),
      onStep: (down, right) => this.#select(this.#cell.row + down, this.#cell.column + right),
    };
    this.#parts = {
      input: new Board('input', actions),
      result: new Board('result', {
        ...actions,
        onPoint: (row, column) => this.#select(row, column),
      }),
      controls: el('div', { class: 'controls' }),
      sum: el('div', { class: 'arithmetic' }),
      readout: el('p', { class: 'readout', 'aria-live': 'off' }),
    };
    this.#build(root);
    context.api
      .weights()
      .then((tensors) => {
        this.#filters = [LECTURE_FILTER, ...firstFilters(context.network, tensors)];
        this.#restart();
      })
      .catch(context.showProblem);
    this.#state.watch(['source', 'filter'], () => this.#restart());
    this.#state.watch(['row', 'column', 'all'], () => this.#draw());
    this.#inputPanel.store.watch(['digit', 'values'], () => this.#restart());
  }

  leave() {
    clearInterval(this.#timer);
  }

  #build(root) {
    const { input, result, controls, sum, readout } = this.#parts;
    root.append(
      controls,
      el(
        'div',
        { class: 'bench-row' },
        this.#inputPanel.node,
        figure(t('lab.input'), input.node),
        operator('→'),
        figure(t('lab.map'), result.node),
      ),
      sum,
      readout,
      el('p', { class: 'soft' }, t('lab.convolution.keys')),
    );
  }

  /** Open an image and start at its corner, or in the middle of a digit, whose corners are empty. */
  #open(source) {
    this.#state.set({ source });
    const { rows, columns } = this.#map;
    this.#select(...(source === 'digit' ? [rows >> 1, columns >> 1] : [0, 0]));
  }

  #half(axis) {
    const { rows, columns } = this.#filter.kernel;
    return ((axis ? columns : rows) - 1) >> 1;
  }

  get #filter() {
    return this.#filters[this.#state.state.filter] ?? LECTURE_FILTER;
  }

  /** Empty the map of sums, for another image or kernel. */
  #restart() {
    this.#visited.clear();
    this.#draw();
  }

  /** The selected cell, moved into the map where a link names one beyond it. */
  get #cell() {
    const { rows, columns } = this.#map;
    const { row, column } = this.#state.state;
    return { row: Math.min(row, rows - 1), column: Math.min(column, columns - 1) };
  }

  #select(row, column) {
    const { rows, columns } = this.#map;
    this.#state.set({ row: clamp(row, 0, rows - 1), column: clamp(column, 0, columns - 1) });
  }

  get #image() {
    const { digit } = this.#inputPanel.store.state;
    return this.#state.state.source === 'digit'
      ? digitMap(digit, this.#context.network.input)
      : mapOf(PICTURE);
  }

  get #map() {
    const { kernel, bias } = this.#filter;
    return convolve(this.#image, kernel, { bias });
  }

  #draw() {
    const [image, map, { kernel, bias }] = [this.#image, this.#map, this.#filter];
    const { source, all } = this.#state.state;
    const { row, column } = this.#cell;
    this.#visited.add(row * map.columns + column);
    this.#inputPanel.node.hidden = source !== 'digit';
    this.#drawControls();
    const window = { top: row, left: column, height: kernel.rows, width: kernel.columns };
    this.#parts.input.show({
      ...image,
      palette: source === 'digit' ? grey() : signed(2),
      windows: [window],
      label: t('lab.input'),
      side: 280,
    });
    const visible = map.values.map((value, i) => (all || this.#visited.has(i) ? value : NaN));
    this.#parts.result.show({
      ...map,
      values: visible,
      palette: signed(extent(map.values)),
      marks: [cellRegion(row, column)],
      label: t('lab.map'),
      cell: this.#parts.input.cell,
    });
    const patch = patchAt(image, window);
    const lines = linesOf(kernel);
    const limit = extent(lines.flat());
    const value = map.values[row * map.columns + column];
    this.#drawSum({ patch, lines, bias, limit, value });
  }

  #drawSum({ patch, lines, bias, limit, value }) {
    const products = multiply(patch, lines);
    this.#parts.sum.replaceChildren(
      numbers(t('lab.patch'), patch, 2),
      operator('×'),
      numbers(this.#filterName(), lines, limit),
      operator('='),
      numbers(t('lab.products'), products, extent(products.flat()) * 2),
      operator('→'),
      el(
        'div',
        { class: 'total' },
        el('span', { class: 'soft' }, t('lab.sum')),
        number(value, short(value), { class: 'large', 'data-role': 'sum' }),
      ),
    );
    const terms = products.flat().map(short);
    const addition = `${terms.join(' + ').replaceAll('+ −', '− ')}${bias ? ` + ${t('lab.bias')} ${short(bias)}` : ''}`;
    this.#parts.readout.replaceChildren(`${addition} = `, number(value, short(value)), ...this.#comparison(value));
    const { row, column } = this.#cell;
    this.#context.announce(t('lab.convolution.announcement', { row, column, value: short(value) }));
  }

  /** Compare the sum with the service's value; return nothing where the filter is not the network's. */
  #comparison(value) {
    const { filter } = this.#filter;
    const { values } = this.#inputPanel.store.state;
    if (this.#context.api.isStatic) return []; // There is no service to compare with.
    if (filter === null || this.#state.state.source !== 'digit' || !values) return [];
    const [layer] = this.#context.network.layers;
    const expected = values.at({ layer: layer.name, channel: filter, ...this.#cell }, 'pre');
    if (Math.abs(expected - value) < 1e-5) return [` ✓ ${t('lab.convolution.served')}`];
    return [` ✗ ${t('lab.convolution.differs', { value: exact(expected) })}`];
  }

  #filterName() {
    const { filter } = this.#filter;
    return filter === null ? t('lab.convolution.lectures') : t('lab.filter', { filter });
  }

  #drawControls() {
    const { source, filter, all } = this.#state.state;
    const controlState = [source, filter, all, Boolean(this.#timer)].join();
    // A button must not be replaced while it is pressed and the kernel moves.
    if (controlState !== this.#controlState) this.#buildControls();
    this.#controlState = controlState;
    this.#parts.controls.querySelector('[data-do="filter"]').disabled = this.#filters.length === 1;
  }

  #buildControls() {
    const { source, filter, all } = this.#state.state;
    const focused = document.activeElement?.dataset?.do ?? document.activeElement?.id;
    const tool = (name, text, onclick, properties = {}) =>
      button(text, onclick, { 'data-do': name, ...properties });
    this.#parts.controls.replaceChildren(
      choice(
        'source',
        t('lab.picture'),
        [
          ['lecture', t('lab.convolution.five')],
          ['digit', t('lab.digit')],
        ],
        source,
        (selected) => this.#open(selected),
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
    const index = (this.#cell.row * columns + this.#cell.column + 1) % (rows * columns);
    this.#state.set({ row: Math.floor(index / columns), column: index % columns });
  }
}
