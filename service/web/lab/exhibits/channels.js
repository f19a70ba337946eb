import { el, number } from '../../lib/dom.js';
import { exact } from '../../lib/numbers.js';
import { t } from '../../lib/i18n.js';
import { convolveChannels, mapOf, multiply, patchAt, sum } from '../arithmetic.js';
import { Board, extent, signed } from '../board.js';
import { choice, EditGrid, figure, numbers, operator } from '../controls.js';
import { KERNELS, RGB, RGB_BIAS, RGB_KERNELS } from '../presets.js';

const COLOURS = ['red', 'green', 'blue'];
const DEPTHS = { one: 1, three: 3 };
const DARKEST = 320; // of a picture's colours: twice about the lecture's values
const PLACES = 4; // of the kernel each way
const FILTERS = 6;

/** Turned by a quarter, mirrored: other kernels out of one. */
const turned = (lines) => lines[0].map((_, column) => lines.map((line) => line[column]).reverse());
const mirrored = (lines) => lines.map((line) => [...line].reverse());

/** The lecture's colour example to be edited, and six kernels over one channel or three. */
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

  get #pictures() {
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

  /** @param map which of six is pointed at or stepped over; none of the example's. */
  #actions(map = {}) {
    const go = (row, column) => {
      const within = (value) => Math.min(Math.max(value, 0), PLACES - 1);
      this.#state.set({ row: within(row), column: within(column), ...map });
    };
    return {
      onPoint: go,
      onStep: (down, right) => go(this.#state.state.row + down, this.#state.state.column + right),
    };
  }

  /** One filter, three slices: the lecture's 308 − 498 + 164 + 1 = −25. */
  #buildExample() {
    const actions = this.#actions();
    const over = { ...actions, onPoint: (row, column) => actions.onPoint(row - 1, column - 1) };
    const rows = COLOURS.map((colour, channel) => this.#row(colour, channel, over));
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
        el('div', { class: 'control' }, el('label', { for: 'lab-bias' }, t('sum.bias')), bias),
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
      label: `${t('terms.patch')}, ${t(`lab.channels.${colour}`)}`,
      lines: patchAt(mapOf(this.#pictures[channel]), this.#window()),
      cell: (row, column) => t('lab.cell', { row, column }),
      onEdit: (lines) => this.#write(channel, lines),
      limit: DARKEST,
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
      figure(t('lab.channels.patch'), patch.node),
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

  /** What was typed over the patch, into the picture. */
  #write(channel, lines) {
    const { top, left } = this.#window();
    const pictures = this.#pictures;
    lines.forEach((line, row) =>
      line.forEach((value, column) => {
        pictures[channel][top + row][left + column] = value;
      }),
    );
    this.#state.set({ picture: textOf(pictures) });
  }

  #drawExample(rows, result, equation) {
    const { row, column, bias } = this.#state.state;
    const window = this.#window();
    const [maps, kernels] = [this.#pictures.map(mapOf), this.#kernels];
    const sums = rows.map(({ board, patch, products, total }, channel) => {
      patch.show(patchAt(maps[channel], window));
      board.show({
        ...maps[channel],
        palette: signed(DARKEST),
        windows: [window],
        side: 180,
        label: t(`lab.channels.${COLOURS[channel]}`),
      });
      const terms = multiply(patchAt(maps[channel], window), kernels[channel]);
      const value = sum(terms);
      products.replaceChildren(numbers(t('terms.products'), terms, 2 * extent(terms.flat())));
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
      marks: [{ top: row, left: column, height: 1, width: 1 }],
      side: 176,
      label: t('lab.output'),
    });
    const terms = [...sums, bias].map((value) => exact(value));
    equation.textContent = `${terms.join(' + ').replaceAll('+ −', '− ')} = ${exact(map.values[row * map.columns + column])}`;
    this.#context.say(equation.textContent);
  }

  /** Six filters, each as deep as the picture, make six maps. */
  #buildSix(depth) {
    const pictures = this.#pictures.slice(0, depth).map(mapOf);
    const filters = depth === 1 ? onePlane() : manyPlanes();
    const maps = filters.map((slices) =>
      convolveChannels(pictures, slices.map(mapOf), { bias: depth === 1 ? 0 : RGB_BIAS }),
    );
    const limit = extent(maps.flatMap(({ values }) => [...values]));
    const inputs = pictures.map((picture, channel) => {
      const board = new Board(`six-${channel}`);
      return { board, picture, name: depth === 1 ? t('lab.input') : t(`lab.channels.${COLOURS[channel]}`) };
    });
    const boards = maps.map((_, filter) => new Board(`map-${filter}`, this.#actions({ filter })));
    const told = el('p', { class: 'readout' });
    this.#root.append(
      el('div', { class: 'bench-row' }, ...inputs.map(({ board, name }) => figure(name, board.node))),
      el(
        'div',
        { class: 'six' },
        ...filters.map((slices, filter) =>
          el(
            'div',
            { class: 'filter' },
            el('div', { class: 'slices' }, ...slices.map((slice) => tiny(slice))),
            figure(t('lab.channels.map', { filter: filter + 1 }), boards[filter].node),
          ),
        ),
      ),
      told,
    );
    return () => {
      const { row, column, filter } = this.#state.state;
      const window = this.#window();
      for (const { board, picture, name } of inputs) {
        board.show({ ...picture, palette: signed(DARKEST), windows: [window], side: 180, label: name });
      }
      boards.forEach((board, each) => {
        const marks = each === filter ? [{ top: row, left: column, height: 1, width: 1 }] : [];
        const label = t('lab.channels.map', { filter: each + 1 });
        board.show({ ...maps[each], palette: signed(limit), marks, side: 144, label });
      });
      told.textContent = this.#told(
        pictures,
        filters[filter],
        window,
        maps[filter].values[row * PLACES + column],
      );
      this.#context.say(told.textContent);
    };
  }

  #told(pictures, slices, window, value) {
    const sums = pictures.map((picture, channel) => sum(multiply(patchAt(picture, window), slices[channel])));
    const terms = pictures.length === 1 ? sums : [...sums, RGB_BIAS];
    return `${t('lab.channels.map', { filter: this.#state.state.filter + 1 })}: ${terms.map(exact).join(' + ').replaceAll('+ −', '− ')} = ${exact(value)}`;
  }
}

/** Slices of rows of numbers as a link has them, one number after the other. */
const textOf = (slices) => slices.flat(2).join();

/** The slices that a link tells of; the lecture's where it does not tell as many numbers. */
function slicesOf(text, lectures) {
  const given = text.split(',').map(Number);
  const isWhole = given.length === lectures.flat(2).length && given.every(Number.isFinite);
  const values = (isWhole ? given : lectures.flat(2)).values();
  return lectures.map((lines) => lines.map((line) => line.map(() => values.next().value)));
}

/** A slice as a small picture with its numbers. */
function tiny(slice) {
  const board = new Board('slice');
  board.show({
    ...mapOf(slice),
    palette: signed(extent(slice.flat()) * 1.4),
    cell: 18,
    label: t('terms.kernel'),
  });
  return board.node;
}

const onePlane = () => ['up', 'down', 'diagonal', 'sharpen', 'blur', 'emboss'].map((name) => [KERNELS[name]]);

/** The lecture's kernel, and five others made of it. */
function manyPlanes() {
  const turns = [(k) => k, turned, (k) => turned(turned(k)), mirrored, (k) => turned(mirrored(k))];
  return [...turns.map((turn) => RGB_KERNELS.map(turn)), [...RGB_KERNELS].reverse()];
}
