import { el } from '../../lib/dom.js';
import { clamp } from '../../lib/math.js';
import { t } from '../../lib/i18n.js';
import { cellRegion, unreadRegions } from '../../models/region.js';
import { outputSize } from '../arithmetic.js';
import { Board, signed } from '../board.js';
import { button, figure, Slider } from '../controls.js';
import { STRIDES } from '../presets.js';

const NUMBERS = {
  size: { letter: 'N', min: 1, max: 28 },
  kernel: { letter: 'F', min: 1, max: 7 },
  padding: { letter: 'P', min: 0, max: 4 },
  stride: { letter: 'S', min: 1, max: 5 },
};

/** The output size O = ⌊(N − F + 2P)/S⌋ + 1, with the windows that lead to it. */
export default class Stride {
  #context;
  #state;
  #parts;

  constructor(root, context) {
    this.#context = context;
    // A link may contain 0, so that the exhibit can show why it is invalid.
    const limits = Object.fromEntries(Object.entries(NUMBERS).map(([name, { max }]) => [name, [0, max]]));
    this.#state = context.settings({ size: 5, kernel: 3, padding: 0, stride: 1, row: 0, column: 0 }, limits);
    const actions = {
      onStep: (down, right) => this.#select(this.#state.state.row + down, this.#state.state.column + right),
      onPoint: (row, column) => this.#select(row, column),
    };
    this.#parts = {
      presets: el('div', { class: 'presets', role: 'group', 'aria-label': t('lab.stride.presets') }),
      sliders: Object.entries(NUMBERS).map(([name, { letter, min, max }]) => [
        name,
        new Slider({
          name,
          label: `${letter} · ${t(`lab.stride.${name}`)}`,
          min,
          max,
          oninput: (value) => this.#state.set({ [name]: value }),
        }),
      ]),
      formula: el('p', { class: 'large equation-line', 'data-role': 'formula', role: 'status' }),
      input: new Board('input', {
        ...actions,
        onPoint: (row, column) => {
          const { stride } = this.#state.state;
          this.#select(Math.floor(row / stride), Math.floor(column / stride));
        },
      }),
      output: new Board('output', actions),
      unread: el('p', { class: 'note', hidden: true }),
      slip: el('p', { class: 'note', hidden: true }),
    };
    this.#build(root);
    this.#state.watch([...Object.keys(NUMBERS), 'row', 'column'], () => this.#draw());
  }

  #build(root) {
    const { presets, sliders, formula, input, output, unread, slip } = this.#parts;
    this.#parts.boards = el(
      'div',
      { class: 'bench-row' },
      figure(t('lab.stride.input'), input.node),
      figure(t('lab.output'), output.node, el('p', { class: 'soft' }, t('lab.stride.keys'))),
    );
    root.append(
      presets,
      el('div', { class: 'sliders' }, ...sliders.map(([, slider]) => slider.node)),
      formula,
      slip,
      this.#parts.boards,
      unread,
    );
  }

  #select(row, column) {
    const { output } = outputSize(this.#state.state);
    if (!output) return;
    this.#state.set({ row: clamp(row, 0, output - 1), column: clamp(column, 0, output - 1) });
  }

  #draw() {
    const { state } = this.#state;
    const { size, kernel, padding, stride } = state;
    this.#drawPresets(state);
    for (const [name, slider] of this.#parts.sliders) slider.value = state[name];
    const { output, dropped, error } = outputSize(state);
    const fraction = `(${size} − ${kernel} + 2·${padding})/${stride}`;
    this.#parts.boards.hidden = Boolean(error);
    this.#parts.unread.hidden = Boolean(error) || !dropped;
    this.#parts.formula.classList.toggle('warning', Boolean(error));
    if (error) {
      this.#parts.formula.textContent = t(`lab.stride.error.${error}`, { kernel, room: size + 2 * padding });
      return;
    }
    this.#parts.formula.textContent = `O = ⌊${fraction}⌋ + 1 = ${output}`;
    this.#parts.unread.textContent = t('lab.stride.dropped', { count: dropped });
    this.#drawBoards(state, output, dropped);
  }

  #drawPresets(state) {
    const isCurrent = (preset) => Object.keys(NUMBERS).every((name) => preset[name] === state[name]);
    const focused = [...this.#parts.presets.children].indexOf(document.activeElement);
    this.#parts.presets.replaceChildren(
      ...STRIDES.map((preset) => {
        const { slip: _, ...numbers } = preset;
        const text = `${preset.size} × ${preset.size}, F ${preset.kernel}, P ${preset.padding}, S ${preset.stride}`;
        return button(text, () => this.#state.set({ ...numbers, row: 0, column: 0 }), {
          'aria-pressed': String(isCurrent(preset)),
        });
      }),
    );
    this.#parts.presets.children[focused]?.focus();
    const slip = STRIDES.find((preset) => preset.slip && isCurrent(preset));
    this.#parts.slip.hidden = !slip;
    this.#parts.slip.textContent = t('lab.stride.slip');
  }

  #drawBoards({ size, kernel, padding, stride, row, column }, output, dropped) {
    const paddedSize = size + 2 * padding;
    const [down, across] = [row, column].map((at) => Math.min(at, output - 1));
    const isInside = (at) => at >= padding && at < padding + size;
    const cells = Float64Array.from({ length: paddedSize * paddedSize }, (_, i) =>
      isInside(Math.floor(i / paddedSize)) && isInside(i % paddedSize) ? 1 : NaN,
    );
    const end = paddedSize - dropped;
    this.#parts.input.show({
      rows: paddedSize,
      columns: paddedSize,
      values: cells,
      palette: signed(4),
      numbers: false,
      windows: [{ top: down * stride, left: across * stride, height: kernel, width: kernel }],
      hatched: unreadRegions(paddedSize, paddedSize, end, end),
      side: 340,
      label: t('lab.stride.shown', { size, padding, row: down * stride, column: across * stride, kernel }),
    });
    this.#parts.output.show({
      rows: output,
      columns: output,
      values: new Float64Array(output * output).fill(1),
      palette: signed(4),
      numbers: false,
      marks: [cellRegion(down, across)],
      cell: this.#parts.input.cell,
      label: t('lab.stride.made', { output, row: down, column: across }),
    });
    this.#context.announce(t('lab.stride.made', { output, row: down, column: across }));
  }
}
