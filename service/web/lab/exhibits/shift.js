import { el, number } from '../../lib/dom.js';
import { Latest } from '../../lib/latest.js';
import { clamp } from '../../lib/math.js';
import { exact, percent } from '../../lib/numbers.js';
import { t } from '../../lib/i18n.js';
import { REQUESTED, Requests } from '../../models/requests.js';
import { cellRegion } from '../../models/region.js';
import { EMPTY } from '../../models/sheet.js';
import { Store } from '../../models/store.js';
import { legend } from '../../parts/legend.js';
import { Board, grey, sideInRow, signed } from '../board.js';
import { button, figure, Slider } from '../controls.js';
import { InputPanel } from '../input-panel.js';
import { digitMap } from '../network-parts.js';
import { ShiftedLayers } from '../shifted-layers.js';
import { allShifts, transform } from '../transform.js';

const SIDE = 252; // of the boards, CSS pixels
const REACH = 10; // pixels that a digit can be shifted each way
const UNCHANGED = { right: 0, down: 0, angle: 0, scale: 100 };
const SLIDERS = {
  right: { min: -REACH, max: REACH, text: (value) => `${exact(value)} px` },
  down: { min: -REACH, max: REACH, text: (value) => `${exact(value)} px` },
  angle: { min: -180, max: 180, step: 5, text: (value) => `${exact(value)}°` },
  scale: { min: 50, max: 150, step: 5, text: (value) => `${value} %` },
};

/** The effect of shifting, rotating and scaling a digit on the layers and on the prediction. */
export default class Shift {
  #context;
  #state;
  #inputPanel;
  #moved; // the store of the transformed digit and its values
  #confidences = null; // {label, values, wrong} of all shifts
  #dragStart = null; // the cell under the pointer, relative to the digit
  #parts;

  constructor(root, context) {
    this.#context = context;
    const limits = Object.entries(SLIDERS).map(([name, { min, max }]) => [name, [min, max]]);
    this.#state = context.settings(UNCHANGED, Object.fromEntries(limits));
    this.#inputPanel = new InputPanel(context);
    this.#moved = new Store({ ...REQUESTED, sheet: EMPTY });
    this.#parts = {
      sliders: Object.entries(SLIDERS).map(([name, range]) => [
        name,
        new Slider({
          name,
          label: t(`lab.shift.${name}`),
          ...range,
          oninput: (value) => this.#state.set({ [name]: value }),
        }),
      ]),
      digit: new Board('moved', {
        onPoint: (row, column, event) => this.#dragTo(row, column, event),
        onStep: (down, right) => this.#step(down, right),
      }),
      answer: el('div', { class: 'result verdict', role: 'status' }),
      shifts: new Board('shifts', {
        onPoint: (row, column, { type, buttons }) => {
          if (type === 'pointerdown' || buttons)
            this.#state.set({ down: row - REACH, right: column - REACH });
        },
        onStep: (down, right) => this.#step(down, right),
      }),
      summary: el('p', { class: 'soft' }),
      layers: new ShiftedLayers(context.network),
    };
    this.#build(root);
    new Requests({ ...context, store: this.#moved });
    const predictShifts = new Latest((digit) => this.#predictShifts(digit));
    this.#inputPanel.store.watch(['digit'], () => this.#move(predictShifts));
    this.#state.watch(Object.keys(UNCHANGED), () => this.#move(predictShifts));
    this.#inputPanel.store.watch(['values'], () => this.#draw());
    this.#moved.watch(['values'], () => this.#draw());
  }

  #build(root) {
    const { sliders, digit, answer, shifts, summary, layers } = this.#parts;
    const reset = button(t('lab.shift.reset'), () => this.#state.set(UNCHANGED), { 'data-do': 'reset' });
    const results = [
      figure(t('lab.shift.moved'), digit.node, el('p', { class: 'soft' }, t('lab.shift.how'))),
      el('div', { class: 'column-of' }, answer, ...sliders.map(([, slider]) => slider.node), reset),
      figure(
        t('lab.shift.all'),
        shifts.node,
        legend(1, false, (share) => `${100 * share} %`),
        summary,
      ),
    ];
    this.#inputPanel.hideWithoutValues(...results, layers.node);
    root.append(
      el('div', { class: 'bench-row' }, this.#inputPanel.node, ...results),
      layers.node,
      el('p', { class: 'note' }, t('lab.shift.note')),
    );
  }

  #step(down, right) {
    const { state } = this.#state;
    const within = (value) => clamp(value, -REACH, REACH);
    this.#state.set({ down: within(state.down + down), right: within(state.right + right) });
  }

  /** Shift the digit with the pointer that drags it. */
  #dragTo(row, column, { type, buttons }) {
    const { down, right } = this.#state.state;
    if (type === 'pointerdown') this.#dragStart = { row: row - down, column: column - right };
    else if (buttons && this.#dragStart) {
      this.#step(row - this.#dragStart.row - down, column - this.#dragStart.column - right);
    }
  }

  #move(predictShifts) {
    const { digit } = this.#inputPanel.store.state;
    if (!digit) return;
    const { right, down, angle, scale } = this.#state.state;
    const centred = transform(digit, { angle, scale: scale / 100 });
    const { pixels } = transform(centred, { right, down });
    const { sheet } = this.#moved.state;
    if (!sheet.pixels || sheet.pixels.some((value, i) => value !== pixels[i])) {
      this.#moved.set({ sheet: { kind: 'array', pixels } });
    }
    predictShifts.submit(centred).catch(this.#context.showProblem);
    this.#draw();
  }

  /** Predict all shifts in one request: the confidence in the label of the original digit. */
  async #predictShifts(centred) {
    const { api } = this.#context;
    const key = centred.pixels.join();
    if (this.#confidences?.key === key) return;
    const { predictions } = await api.predict(allShifts(centred, REACH));
    const unshifted = predictions[(predictions.length - 1) / 2];
    const { label } = this.#inputPanel.store.state.values?.ranking()[0] ?? unshifted;
    this.#confidences = {
      key,
      label,
      values: Float64Array.from(predictions, ({ probabilities }) => probabilities[label]),
      wrong: predictions.map((each) => each.label !== label),
    };
    this.#draw();
  }

  #draw() {
    const { state } = this.#state;
    for (const [name, slider] of this.#parts.sliders) slider.value = state[name];
    const { digit, values: moved } = this.#moved.state;
    const { values: original } = this.#inputPanel.store.state;
    if (!digit || !moved || !original) return;
    this.#parts.digit.show({ ...digitMap(digit), palette: grey(), side: sideInRow(SIDE), label: t('lab.shift.moved') });
    this.#drawAnswer(original.ranking()[0], moved.ranking()[0]);
    const { angle, scale, down, right } = state;
    this.#parts.layers.show({ original, moved, shift: angle === 0 && scale === 100 ? [down, right] : null });
    if (this.#confidences) this.#drawShifts(state);
  }

  #drawAnswer(original, moved) {
    const isSame = original.label === moved.label;
    const text = isSame ? t('lab.shift.kept') : t('lab.shift.lost', { label: original.label });
    this.#parts.answer.replaceChildren(
      el('span', { class: 'label', 'data-role': 'answer' }, moved.label),
      number(moved.probability, percent(moved.probability)),
      el('span', { class: isSame ? 'tick' : 'tick wrong' }, text),
    );
  }

  #drawShifts({ down, right }) {
    const side = 2 * REACH + 1;
    const { values, wrong, label } = this.#confidences;
    const hatched = wrong.flatMap((isWrong, i) =>
      isWrong ? [cellRegion(Math.floor(i / side), i % side)] : [],
    );
    this.#parts.shifts.show({
      rows: side,
      columns: side,
      values,
      palette: signed(1),
      hatched,
      marks: [cellRegion(down + REACH, right + REACH)],
      side: sideInRow(SIDE),
      label: t('lab.shift.all'),
    });
    this.#parts.summary.textContent = t('lab.shift.counted', {
      label,
      kept: values.length - hatched.length,
      count: values.length,
    });
  }
}
