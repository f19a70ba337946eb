import { el, number, sharpContext } from '../../lib/dom.js';
import { clamp, extent, multiply } from '../../lib/math.js';
import { short } from '../../lib/numbers.js';
import { draw } from '../../lib/paint.js';
import { t } from '../../lib/i18n.js';
import { cellRegion } from '../../models/region.js';
import { legend } from '../../parts/legend.js';
import { convolve, mapOf, patchAt } from '../arithmetic.js';
import { Board, grey, sideInRow, signed } from '../board.js';
import { button, choice, EditGrid, figure, numbers, operator } from '../controls.js';
import { InputPanel } from '../input-panel.js';
import { digitMap } from '../network-parts.js';
import { channelsOf, colourImage } from '../image-files.js';
import { KERNELS } from '../presets.js';

const PHOTO = new URL('../cat.jpg', import.meta.url).href; // its licence is in ../NOTICE
const PHOTO_CORNER = { row: 96, column: 64 }; // an edge that can be seen
const MAX_SIDE = 220; // of an image, pixels
const SIDE = 280;

/** A kernel that can be selected or edited, applied to a digit, a photograph or an uploaded image. */
export default class Kernels {
  #context;
  #state;
  #inputPanel;
  #photo = null; // the channels of the lab's photograph, once it is loaded
  #loading = null; // the file that is being decoded, unless another source was selected since
  #parts;

  constructor(root, context) {
    this.#context = context;
    this.#state = context.settings({ kernel: KERNELS.up.flat().join(), row: 9, column: 12, source: 'digit' });
    this.#inputPanel = new InputPanel(context);
    const actions = {
      onPoint: (row, column) => this.#select(row - 1, column - 1),
      onStep: (down, right) => this.#select(this.#corner.row + down, this.#corner.column + right),
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
      result: new Board('result', { ...actions, onPoint: (row, column) => this.#select(row, column) }),
      colours: el('div', { class: 'bench-row' }),
      legend: el('div', {}),
      credit: el('p', { class: 'soft' }, t('lab.kernels.credit')),
      problem: el('p', { class: 'warning', role: 'alert', hidden: true }),
      sum: el('div', { class: 'arithmetic' }),
    };
    this.#build(root);
    this.#state.watch(['source'], ({ source }) => source === 'photo' && this.#loadPhoto());
    this.#state.watch(['kernel', 'row', 'column', 'source'], () => this.#draw());
    this.#inputPanel.store.watch(['digit'], () => this.#draw());
  }

  #build(root) {
    const { presets, sources, problem, editor, input, result, colours, legend: scale, credit, sum } = this.#parts;
    const file = el('input', {
      type: 'file',
      accept: 'image/*',
      hidden: true,
    });
    file.addEventListener('change', () => this.#openFile(file.files[0]));
    this.#parts.file = file;
    const inputFigure = figure('', input.node, credit);
    this.#parts.caption = inputFigure.firstChild;
    root.append(
      presets,
      sources,
      problem,
      el(
        'div',
        { class: 'bench-row' },
        this.#inputPanel.node,
        inputFigure,
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
    const weights = this.#state.state.kernel.split(',').map(Number);
    if (weights.length !== 9 || !weights.every(Number.isFinite)) return KERNELS.up;
    return [weights.slice(0, 3), weights.slice(3, 6), weights.slice(6)];
  }

  async #openFile(file) {
    if (!file) return;
    this.#loading = file;
    try {
      const channels = await channelsOf(file, MAX_SIDE);
      if (this.#loading !== file) return;
      this.#context.uploads.channels = channels;
      this.#state.set({ source: 'picture' });
      this.#draw();
    } catch {
      if (this.#loading !== file) return;
      this.#showUnreadable();
    }
  }

  async #loadPhoto() {
    if (this.#photo) return;
    try {
      this.#photo = await channelsOf(await (await fetch(PHOTO)).blob(), MAX_SIDE);
      this.#draw();
    } catch {
      this.#showUnreadable();
    }
  }

  #showUnreadable() {
    this.#parts.problem.textContent = t('lab.kernels.unreadable');
    this.#parts.problem.hidden = false;
  }

  /** Select a source; without an uploaded image, the selection of it opens the file dialog instead. */
  #choose(source) {
    if (source !== 'picture' || this.#context.uploads.channels) {
      this.#loading = null;
      this.#state.set(source === 'photo' ? { source, ...PHOTO_CORNER } : { source });
      return;
    }
    this.#drawChoices(this.#kernel);
    this.#openDialog();
  }

  #openDialog() {
    this.#parts.problem.hidden = true;
    this.#parts.file.value = ''; // Else choosing the same file again would raise no event.
    this.#parts.file.click();
  }

  /** Red, green and blue of the selected image; none where the digit is shown. */
  get #channels() {
    return { photo: this.#photo, picture: this.#context.uploads.channels }[this.#state.state.source] ?? null;
  }

  /** The corner of the window, moved into the image where a link names one beyond it. */
  get #corner() {
    const { rows, columns } = this.#image;
    const { row, column } = this.#state.state;
    return { row: Math.min(row, rows - 3), column: Math.min(column, columns - 3) };
  }

  #select(row, column) {
    const { rows, columns } = this.#image;
    this.#state.set({ row: clamp(row, 0, rows - 3), column: clamp(column, 0, columns - 3) });
  }

  /** The digit, or the green channel of a colour image, which is closest to its brightness. */
  get #image() {
    return this.#channels
      ? this.#channels[1]
      : digitMap(this.#inputPanel.store.state.digit, this.#context.network.input);
  }

  #draw() {
    const lines = this.#kernel;
    this.#drawChoices(lines);
    this.#parts.editor.show(lines);
    const image = this.#image;
    const map = convolve(image, mapOf(lines));
    const { row, column } = this.#corner;
    const window = { top: row, left: column, height: 3, width: 3 };
    this.#inputPanel.node.hidden = Boolean(this.#channels);
    this.#parts.credit.hidden = !this.#channels || this.#channels !== this.#photo;
    const limit = extent(map.values);
    this.#parts.caption.textContent = t(this.#channels ? 'lab.kernels.green' : 'lab.input');
    this.#parts.input.show({
      ...image,
      palette: this.#channels ? brightness : grey(),
      windows: [window],
      side: this.#channels ? SIDE : sideInRow(SIDE),
      label: t('lab.input'),
    });
    this.#parts.result.show({
      ...map,
      palette: signed(limit),
      marks: [cellRegion(row, column)],
      cell: this.#parts.input.cell,
      label: t('lab.map'),
    });
    this.#parts.legend.replaceChildren(legend(limit, true));
    this.#drawColours(lines);
    this.#drawSum(patchAt(image, window), lines, map.values[row * map.columns + column]);
  }

  #drawChoices(lines) {
    const selected = lines.flat().join();
    this.#parts.presets.replaceChildren(
      ...Object.entries(KERNELS).map(([name, kernel]) =>
        button(
          t(`lab.kernels.${name}`),
          () => {
            this.#state.set({ kernel: kernel.flat().join() });
            this.#parts.presets.querySelector(`[data-kernel="${name}"]`).focus();
          },
          { 'data-kernel': name, 'aria-pressed': String(kernel.flat().join() === selected) },
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
          ['photo', t('lab.kernels.photo')],
          ['picture', t('lab.kernels.own')],
        ],
        this.#channels ? this.#state.state.source : 'digit',
        (source) => this.#choose(source),
      ),
      button(t('lab.kernels.open'), () => this.#openDialog(), { 'data-do': 'picture' }),
    );
    if (focused) {
      this.#parts.sources.querySelector(`[data-do="${focused}"], #${CSS.escape(focused)}`)?.focus();
    }
  }

  /** Draw a colour image before and after the kernel is applied to each of its channels. */
  #drawColours(lines) {
    this.#parts.colours.hidden = !this.#channels;
    if (!this.#channels) return;
    const kernel = mapOf(lines);
    const results = this.#channels.map((channel) => convolve(channel, kernel));
    const figures = [
      [t('lab.kernels.before'), this.#channels],
      [t('lab.kernels.after'), results, t('lab.kernels.clipped')],
    ].map(([name, channels, note]) => {
      const canvas = el('canvas', { role: 'img', 'aria-label': name });
      const { rows, columns } = channels[0];
      const scale = this.#parts.input.cell;
      draw(
        sharpContext(canvas, columns * scale, rows * scale),
        colourImage(channels),
        0,
        0,
        columns * scale,
        rows * scale,
      );
      return figure(name, canvas, note && el('p', { class: 'soft' }, note));
    });
    this.#parts.colours.replaceChildren(...figures);
  }

  #drawSum(patch, lines, value) {
    const products = multiply(patch, lines);
    this.#parts.sum.replaceChildren(
      numbers(t('lab.patch'), patch, 2),
      operator('×'),
      numbers(t('lab.kernel'), lines, extent(lines.flat())),
      operator('='),
      numbers(t('lab.products'), products, 2 * extent(products.flat())),
      operator('→'),
      el(
        'div',
        { class: 'total' },
        el('span', { class: 'soft' }, t('lab.sum')),
        number(value, short(value), { class: 'large', 'data-role': 'sum' }),
      ),
    );
    const { row, column } = this.#corner;
    this.#context.announce(t('lab.convolution.announcement', { row, column, value: short(value) }));
  }
}

/** A palette for the brightness of a photo: 0 is black. */
const brightness = {
  colour: (value) => grey().colour(1 - value),
  text: (value) => (value > 0.5 ? '#000' : '#fff'),
};
