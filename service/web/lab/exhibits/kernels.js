import { el, number, sharpContext } from '../../lib/dom.js';
import { exact, short } from '../../lib/numbers.js';
import { draw } from '../../lib/paint.js';
import { t } from '../../lib/i18n.js';
import { legend } from '../../parts/legend.js';
import { convolve, linesOf, mapOf, multiply, patchAt } from '../arithmetic.js';
import { Board, extent, grey, signed } from '../board.js';
import { button, choice, EditGrid, figure, numbers, operator } from '../controls.js';
import { Desk } from '../desk.js';
import { inkOf } from '../network-parts.js';
import { channelsOf, colourImage } from '../pictures.js';
import { KERNELS } from '../presets.js';

const LONGEST_SIDE = 220; // of an uploaded picture, pixels
const SIDE = 280;

/** A kernel to choose or to write, on a digit or on a picture of one's own, and the result beside it. */
export default class Kernels {
  #context;
  #state;
  #desk;
  #awaited = null; // the file that is being read, until something else is chosen
  #parts;

  constructor(root, context) {
    this.#context = context;
    this.#state = context.settings({ kernel: KERNELS.up.flat().join(), row: 9, column: 12, source: 'digit' });
    this.#desk = new Desk(context);
    const actions = {
      onPoint: (row, column) => this.#go(row - 1, column - 1),
      onStep: (down, right) => this.#go(this.#at.row + down, this.#at.column + right),
    };
    this.#parts = {
      presets: el('div', { class: 'presets', role: 'group', 'aria-label': t('lab.kernels.presets') }),
      sources: el('div', { class: 'controls' }),
      editor: new EditGrid({
        label: t('lab.kernels.edit'),
        lines: this.#kernel,
        cell: (row, column) => t('lab.cell', { row, column }),
        onEdit: (lines) => this.#state.set({ kernel: lines.flat().join() }),
      }),
      input: new Board('input', actions),
      result: new Board('result', { ...actions, onPoint: (row, column) => this.#go(row, column) }),
      colours: el('div', { class: 'bench-row' }),
      legend: el('div', {}),
      problem: el('p', { class: 'warning', role: 'alert', hidden: true }),
      sum: el('div', { class: 'arithmetic' }),
    };
    this.#build(root);
    this.#state.watch(['kernel', 'row', 'column', 'source'], () => this.#draw());
    this.#desk.store.watch(['digit'], () => this.#draw());
  }

  #build(root) {
    const { presets, sources, problem, editor, input, result, colours, legend: scale, sum } = this.#parts;
    const file = el('input', {
      type: 'file',
      accept: 'image/*',
      hidden: true,
    });
    file.addEventListener('change', () => this.#take(file.files[0]));
    this.#parts.file = file;
    const shown = figure('', input.node);
    this.#parts.caption = shown.firstChild;
    root.append(
      presets,
      sources,
      problem,
      el(
        'div',
        { class: 'bench-row' },
        this.#desk.node,
        shown,
        operator('⊛'),
        figure(t('lab.kernels.edit'), editor.node, el('p', { class: 'soft' }, t('lab.kernels.how'))),
        operator('='),
        figure(t('lab.map'), result.node, scale),
      ),
      colours,
      sum,
      file,
    );
  }

  get #kernel() {
    const given = this.#state.state.kernel.split(',').map(Number);
    if (given.length !== 9 || !given.every(Number.isFinite)) return KERNELS.up;
    return [given.slice(0, 3), given.slice(3, 6), given.slice(6)];
  }

  async #take(file) {
    if (!file) return;
    this.#awaited = file;
    try {
      const channels = await channelsOf(file, LONGEST_SIDE);
      if (this.#awaited !== file) return;
      this.#context.kept.channels = channels;
      this.#state.set({ source: 'picture' });
      this.#draw();
    } catch {
      if (this.#awaited !== file) return;
      this.#parts.problem.textContent = t('lab.kernels.unreadable');
      this.#parts.problem.hidden = false;
    }
  }

  /** One's own picture is chosen once there is one. */
  #choose(source) {
    if (source === 'digit' || this.#channels) {
      if (source === 'digit') this.#awaited = null;
      this.#state.set({ source });
      return;
    }
    this.#drawChoices(this.#kernel);
    this.#ask();
  }

  /** The same file may be chosen twice. */
  #ask() {
    this.#parts.problem.hidden = true;
    this.#parts.file.value = '';
    this.#parts.file.click();
  }

  /** Of the picture that was uploaded: red, green and blue. */
  get #channels() {
    return this.#context.kept.channels;
  }

  get #isPicture() {
    return this.#state.state.source === 'picture' && Boolean(this.#channels);
  }

  /** The window's corner; a link may name one beyond the picture. */
  get #at() {
    const { rows, columns } = this.#picture;
    const { row, column } = this.#state.state;
    return { row: Math.min(row, rows - 3), column: Math.min(column, columns - 3) };
  }

  #go(row, column) {
    const { rows, columns } = this.#picture;
    const within = (value, size) => Math.min(Math.max(value, 0), size - 3);
    this.#state.set({ row: within(row, rows), column: within(column, columns) });
  }

  /** What is pointed at: the digit; of a colour picture its green, most of what the eye calls bright. */
  get #picture() {
    return this.#isPicture
      ? this.#channels[1]
      : inkOf(this.#desk.store.state.digit, this.#context.network.input);
  }

  #draw() {
    const lines = this.#kernel;
    this.#drawChoices(lines);
    this.#parts.editor.show(lines);
    const picture = this.#picture;
    const map = convolve(picture, mapOf(lines));
    const { row, column } = this.#at;
    const window = { top: row, left: column, height: 3, width: 3 };
    this.#desk.node.hidden = this.#isPicture;
    const limit = extent(map.values);
    this.#parts.caption.textContent = t(this.#isPicture ? 'lab.kernels.green' : 'lab.input');
    this.#parts.input.show({
      ...picture,
      palette: this.#isPicture ? light : grey(),
      windows: [window],
      side: SIDE,
      label: t('lab.input'),
    });
    this.#parts.result.show({
      ...map,
      palette: signed(limit),
      marks: [{ top: row, left: column, height: 1, width: 1 }],
      cell: this.#parts.input.cell,
      label: t('lab.map'),
    });
    this.#parts.legend.replaceChildren(legend(limit, true));
    this.#drawColours(lines);
    this.#drawSum(patchAt(picture, window), lines, map.values[row * map.columns + column]);
  }

  #drawChoices(lines) {
    const chosen = lines.flat().join();
    this.#parts.presets.replaceChildren(
      ...Object.entries(KERNELS).map(([name, kernel]) =>
        button(
          t(`lab.kernels.${name}`),
          () => {
            this.#state.set({ kernel: kernel.flat().join() });
            this.#parts.presets.querySelector(`[data-kernel="${name}"]`).focus();
          },
          { 'data-kernel': name, 'aria-pressed': String(kernel.flat().join() === chosen) },
        ),
      ),
    );
    const focused = document.activeElement?.dataset?.do ?? document.activeElement?.id;
    this.#parts.sources.replaceChildren(
      choice(
        'kernel-source',
        t('lab.picture'),
        [
          ['digit', t('lab.digit')],
          ['picture', t('lab.kernels.own')],
        ],
        this.#isPicture ? 'picture' : 'digit',
        (source) => this.#choose(source),
      ),
      button(t('tool.picture'), () => this.#ask(), { 'data-do': 'picture' }),
    );
    if (focused) {
      this.#parts.sources.querySelector(`[data-do="${focused}"], #${CSS.escape(focused)}`)?.focus();
    }
  }

  /** A colour picture: the kernel over red, green and blue each, put together again. */
  #drawColours(lines) {
    this.#parts.colours.hidden = !this.#isPicture;
    if (!this.#isPicture) return;
    const kernel = mapOf(lines);
    const filtered = this.#channels.map((channel) => convolve(channel, kernel));
    const shown = [
      [t('lab.kernels.before'), this.#channels],
      [t('lab.kernels.after'), filtered],
    ].map(([name, channels]) => {
      const canvas = el('canvas', { role: 'img', 'aria-label': name });
      const { rows, columns } = channels[0];
      const scale = SIDE / Math.max(rows, columns);
      draw(
        sharpContext(canvas, columns * scale, rows * scale),
        colourImage(channels),
        0,
        0,
        columns * scale,
        rows * scale,
      );
      return figure(name, canvas);
    });
    this.#parts.colours.replaceChildren(...shown);
  }

  #drawSum(patch, lines, value) {
    const products = multiply(patch, lines);
    this.#parts.sum.replaceChildren(
      numbers(t('terms.patch'), patch, 2),
      operator('×'),
      numbers(t('terms.kernel'), linesOf(mapOf(lines)), extent(lines.flat())),
      operator('='),
      numbers(t('terms.products'), products, 2 * extent(products.flat())),
      operator('→'),
      el(
        'div',
        { class: 'total' },
        el('span', { class: 'soft' }, t('lab.sum')),
        number(value, exact(Number(value.toFixed(6))), { class: 'large', 'data-role': 'sum' }),
      ),
    );
    const { row, column } = this.#at;
    this.#context.say(t('lab.convolution.said', { row, column, value: short(value) }));
  }
}

/** A photograph's brightness: 0 black. */
const light = {
  colour: (value) => grey().colour(1 - value),
  ink: (value) => (value > 0.5 ? '#000' : '#fff'),
};
