import { el, number } from '../../lib/dom.js';
import { clamp, extent, multiply, sum } from '../../lib/math.js';
import { exact } from '../../lib/numbers.js';
import { t } from '../../lib/i18n.js';
import { cellRegion } from '../../models/region.js';
import { convolveChannels, mapOf, patchAt } from '../arithmetic.js';
import { Board, grey, signed, tint } from '../board.js';
import { choice, EditGrid, figure, numbers, operator } from '../controls.js';
import { KERNELS, RGB, RGB_BIAS, RGB_KERNELS } from '../presets.js';

const COLOURS = ['red', 'green', 'blue'];
const MOST = 255; // of an intensity
// The three can be distinguished with all common kinds of colour blindness; their labels name them.
const PALETTES = [
  [190, 20, 40],
  [0, 158, 115],
  [24, 92, 196],
].map((colour) => tint(colour, MOST));
const DEPTHS = { one: 1, three: 3 };
const PLACES = 4; // of the kernel each way
const FILTERS = 6;

const rotate = (lines) => lines[0].map((_, column) => lines.map((line) => line[column]).reverse());
const mirror = (lines) => lines.map((line) => [...line].reverse());

/** The lecture's colour example, which can be edited, and six kernels over one channel or three. */
export default class Channels {
  #context;
  #state;
  #root;
  #redraw = () => {};

  constructor(root, context) {
    this.#context = context;
    const limits = { row: [0, PLACES - 1], column: [0, PLACES - 1], filter: [0, FILTERS - 1] };
    const lectures = { picture: textOf(RGB), kernels: textOf(RGB_KERNELS), bias: RGB_BIAS };
    this.#state = context.settings(
      { show: 'rgb', row: 0, column: 0, filter: 0, ...lectures },
      { ...limits, bias: [-Infinity, Infinity] },
    );
    this.#root = el('div', { class: 'stage' });
    const controls = el('div', { class: 'controls' });
    root.append(controls, this.#root);
    const modes = ['rgb', 'one', 'three'].map((mode) => [mode, t(`lab.channels.${mode}`)]);
    controls.append(
      choice('channels', t('lab.show'), modes, this.#state.state.show, (show) => this.#state.set({ show })),
    );
    this.#state.watch(['show'], ({ show }) => this.#build(show));
    this.#state.watch(['row', 'column', 'filter', ...Object.keys(lectures)], () => this.#redraw());
  }

  get #imageSlices() {
    return slicesOf(this.#state.state.picture, RGB);
  }

  get #kernels() {
    return slicesOf(this.#state.state.kernels, RGB_KERNELS);
  }

  #build(show) {
    this.#root.replaceChildren();
    this.#redraw = show === 'rgb' ? this.#buildExample() : this.#buildSix(DEPTHS[show]);
    this.#redraw();
  }

  /** @param selection {filter} of the board of one of six maps; empty for the example's boards. */
  #actions(selection = {}) {
    const select = (row, column) => {
      const within = (value) => clamp(value, 0, PLACES - 1);
      this.#state.set({ row: within(row), column: within(column), ...selection });
    };
    return {
      onPoint: select,
      onStep: (down, right) => select(this.#state.state.row + down, this.#state.state.column + right),
    };
  }

  /** Build the example of one filter with three slices: the lecture's 308 − 498 + 164 + 1 = −25. */
  #buildExample() {
    const actions = this.#actions();
    const centred = { ...actions, onPoint: (row, column) => actions.onPoint(row - 1, column - 1) };
    const rows = COLOURS.map((colour, channel) => this.#row(colour, channel, centred));
    const result = new Board('result', actions);
    const bias = el('input', {
      type: 'number',
      step: 'any',
      value: this.#state.state.bias,
      id: 'lab-bias',
      class: 'bias',
    });
    bias.addEventListener('input', () => {
      if (bias.value !== '') this.#state.set({ bias: Number(bias.value) });
    });
    const equation = el('p', { class: 'large equation-line', 'data-role': 'equation' });
    this.#root.append(
      ...rows.map(({ node }) => node),
      el(
        'div',
        { class: 'arithmetic' },
        el('div', { class: 'control' }, el('label', { for: 'lab-bias' }, t('lab.bias')), bias),
        equation,
        figure(t('lab.output'), result.node),
      ),
      el('p', { class: 'note' }, t('lab.channels.slip')),
    );
    return () => this.#drawExample(rows, result, equation);
  }

  #row(colour, channel, actions) {
    const board = new Board(`input-${colour}`, actions);
    const patch = new EditGrid({
      label: `${t('lab.patch')}, ${t(`lab.channels.${colour}`)}`,
      lines: patchAt(mapOf(this.#imageSlices[channel]), this.#window()),
      cell: (row, column) => t('lab.cell', { row, column }),
      onEdit: (lines) => this.#write(channel, lines),
      palette: PALETTES[channel],
    });
    const editor = new EditGrid({
      label: t('lab.channels.kernel', { channel: channel + 1 }),
      lines: this.#kernels[channel],
      cell: (row, column) => t('lab.cell', { row, column }),
      onEdit: (lines) => this.#state.set({ kernels: textOf(this.#kernels.with(channel, lines)) }),
    });
    const products = el('div', {});
    const total = el('div', { class: 'total' });
    const node = el(
      'div',
      { class: 'bench-row channel', 'data-colour': colour },
      figure(t(`lab.channels.${colour}`), board.node),
      figure(t('lab.patch'), patch.node),
      operator('×'),
      figure(t('lab.channels.kernel', { channel: channel + 1 }), editor.node),
      operator('='),
      products,
      operator('→'),
      total,
    );
    return { node, board, patch, products, total };
  }

  #window() {
    const { row, column } = this.#state.state;
    return { top: row, left: column, height: 3, width: 3 };
  }

  /** Write an edited patch into the image. */
  #write(channel, lines) {
    const { top, left } = this.#window();
    const images = this.#imageSlices;
    lines.forEach((line, row) =>
      line.forEach((value, column) => {
        images[channel][top + row][left + column] = value;
      }),
    );
    this.#state.set({ picture: textOf(images) });
  }

  #drawExample(rows, result, equation) {
    const { row, column, bias } = this.#state.state;
    const window = this.#window();
    const [maps, kernels] = [this.#imageSlices.map(mapOf), this.#kernels];
    const sums = rows.map(({ board, patch, products, total }, channel) => {
      patch.show(patchAt(maps[channel], window));
      board.show({
        ...maps[channel],
        palette: PALETTES[channel],
        windows: [window],
        side: 180,
        label: t(`lab.channels.${COLOURS[channel]}`),
      });
      const terms = multiply(patchAt(maps[channel], window), kernels[channel]);
      const value = sum(terms.flat());
      products.replaceChildren(numbers(t('lab.products'), terms, 2 * extent(terms.flat())));
      total.replaceChildren(
        el('span', { class: 'soft' }, t('lab.sum')),
        number(value, exact(value), { class: 'large', 'data-role': 'channel-sum' }),
      );
      return value;
    });
    const map = convolveChannels(maps, kernels.map(mapOf), { bias });
    result.show({
      ...map,
      palette: signed(extent(map.values)),
      marks: [cellRegion(row, column)],
      side: 176,
      label: t('lab.output'),
    });
    const terms = [...sums, bias].map((value) => exact(value));
    equation.textContent = `${terms.join(' + ').replaceAll('+ −', '− ')} = ${exact(map.values[row * map.columns + column])}`;
    this.#context.announce(equation.textContent);
  }

  /** Build six filters of the image's depth, and the six maps that they make. */
  #buildSix(depth) {
    const images = this.#imageSlices.slice(0, depth).map(mapOf);
    const filters = depth === 1 ? classicFilters() : colourFilters();
    const maps = filters.map((slices) =>
      convolveChannels(images, slices.map(mapOf), { bias: depth === 1 ? 0 : RGB_BIAS }),
    );
    const limit = extent(maps.flatMap(({ values }) => [...values]));
    const inputs = images.map((image, channel) => {
      const board = new Board(`six-${channel}`);
      if (depth === 1) return { board, image, palette: grey(MOST), name: t('lab.input') };
      return { board, image, palette: PALETTES[channel], name: t(`lab.channels.${COLOURS[channel]}`) };
    });
    const boards = maps.map((_, filter) => new Board(`map-${filter}`, this.#actions({ filter })));
    const readout = el('p', { class: 'readout' });
    this.#root.append(
      el('div', { class: 'bench-row' }, ...inputs.map(({ board, name }) => figure(name, board.node))),
      el(
        'div',
        { class: 'six' },
        ...filters.map((slices, filter) =>
          el(
            'div',
            { class: 'filter' },
            el('div', { class: 'slices' }, ...slices.map(sliceImage)),
            figure(t('lab.channels.map', { filter: filter + 1 }), boards[filter].node),
          ),
        ),
      ),
      readout,
    );
    return () => {
      const { row, column, filter } = this.#state.state;
      const window = this.#window();
      for (const { board, image, palette, name } of inputs) {
        board.show({ ...image, palette, windows: [window], side: 180, label: name });
      }
      boards.forEach((board, each) => {
        const marks = each === filter ? [cellRegion(row, column)] : [];
        const label = t('lab.channels.map', { filter: each + 1 });
        board.show({ ...maps[each], palette: signed(limit), marks, side: 144, label });
      });
      const value = maps[filter].values[row * PLACES + column];
      readout.textContent = this.#sumText(images, filters[filter], window, value);
      this.#context.announce(readout.textContent);
    };
  }

  #sumText(images, slices, window, value) {
    const sums = images.map((image, channel) =>
      sum(multiply(patchAt(image, window), slices[channel]).flat()),
    );
    const terms = images.length === 1 ? sums : [...sums, RGB_BIAS];
    return `${t('lab.channels.map', { filter: this.#state.state.filter + 1 })}: ${terms.map(exact).join(' + ').replaceAll('+ −', '− ')} = ${exact(value)}`;
  }
}

/** Encode slices of rows of numbers for a link. */
const textOf = (slices) => slices.flat(2).join();

/** Decode the slices in a link; return the lecture's where their count differs or one is no number. */
function slicesOf(text, lectures) {
  const numbers = text.split(',').map(Number);
  const isValid = numbers.length === lectures.flat(2).length && numbers.every(Number.isFinite);
  const values = (isValid ? numbers : lectures.flat(2)).values();
  return lectures.map((lines) => lines.map((line) => line.map(() => values.next().value)));
}

/** Create a small image of a slice with its numbers. */
function sliceImage(slice) {
  const board = new Board('slice');
  board.show({
    ...mapOf(slice),
    palette: signed(extent(slice.flat()) * 1.4),
    cell: 18,
    label: t('lab.kernel'),
  });
  return board.node;
}

const classicFilters = () =>
  ['up', 'down', 'diagonal', 'sharpen', 'blur', 'emboss'].map((name) => [KERNELS[name]]);

/** Return the lecture's filter and five others, which rotate, mirror or reorder its slices. */
function colourFilters() {
  const variants = [(k) => k, rotate, (k) => rotate(rotate(k)), mirror, (k) => rotate(mirror(k))];
  return [...variants.map((variant) => RGB_KERNELS.map(variant)), [...RGB_KERNELS].reverse()];
}
