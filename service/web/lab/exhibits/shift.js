import { el, number } from '../../lib/dom.js';
import { Latest } from '../../lib/latest.js';
import { exact, percent } from '../../lib/numbers.js';
import { t } from '../../lib/i18n.js';
import { Answers } from '../../models/answers.js';
import { EMPTY } from '../../models/sheet.js';
import { Store } from '../../models/store.js';
import { legend } from '../../parts/legend.js';
import { Board, grey, signed } from '../board.js';
import { button, figure, Slider } from '../controls.js';
import { Desk } from '../desk.js';
import { inkOf } from '../network-parts.js';
import { MovedLayers } from '../moved-layers.js';
import { allShifts, transform } from '../transform.js';

const REACH = 10; // pixels that a digit is shifted each way
const STILL = { right: 0, down: 0, angle: 0, scale: 100 };
const SLIDERS = {
  right: { min: -REACH, max: REACH, text: (value) => `${exact(value)} px` },
  down: { min: -REACH, max: REACH, text: (value) => `${exact(value)} px` },
  angle: { min: -180, max: 180, step: 5, text: (value) => `${exact(value)}°` },
  scale: { min: 50, max: 150, step: 5, text: (value) => `${value} %` },
};
const NOTHING = { digit: null, values: null, problem: null, cell: null, explanation: null };

/** A digit is moved, turned, scaled: what the layers and the answer make of it, and of all shifts. */
export default class Shift {
  #context;
  #state;
  #desk;
  #moved; // store of the digit as moved, and of its values
  #confidences = null; // {label, values, wrong} of all shifts
  #drag = null;
  #parts;

  constructor(root, context) {
    this.#context = context;
    const limits = Object.entries(SLIDERS).map(([name, { min, max }]) => [name, [min, max]]);
    this.#state = context.settings(STILL, Object.fromEntries(limits));
    this.#desk = new Desk(context);
    this.#moved = new Store({ ...NOTHING, allTerms: false, evidence: false, sheet: EMPTY });
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
        onPoint: (...at) => this.#dragTo(...at),
        onStep: (...by) => this.#step(...by),
      }),
      answer: el('div', { class: 'result verdict', role: 'status' }),
      shifts: new Board('shifts', {
        onPoint: (row, column, { type, buttons }) => {
          if (type === 'pointerdown' || buttons)
            this.#state.set({ down: row - REACH, right: column - REACH });
        },
        onStep: (...by) => this.#step(...by),
      }),
      shiftsTold: el('p', { class: 'soft' }),
      layers: new MovedLayers(context.network),
    };
    this.#build(root);
    new Answers({ ...context, store: this.#moved });
    const survey = new Latest((digit) => this.#survey(digit));
    this.#desk.store.watch(['digit'], () => this.#move(survey));
    this.#state.watch(Object.keys(STILL), () => this.#move(survey));
    this.#desk.store.watch(['values'], () => this.#draw());
    this.#moved.watch(['values'], () => this.#draw());
  }

  #build(root) {
    const { sliders, digit, answer, shifts, shiftsTold, layers } = this.#parts;
    const reset = button(t('lab.shift.reset'), () => this.#state.set(STILL), { 'data-do': 'reset' });
    const results = [
      figure(t('lab.shift.moved'), digit.node, el('p', { class: 'soft' }, t('lab.shift.how'))),
      el('div', { class: 'column-of' }, answer, ...sliders.map(([, slider]) => slider.node), reset),
      figure(
        t('lab.shift.all'),
        shifts.node,
        legend(1, false, (share) => `${100 * share} %`),
        shiftsTold,
      ),
    ];
    this.#desk.shows(...results, layers.node);
    root.append(
      el('div', { class: 'bench-row' }, this.#desk.node, ...results),
      layers.node,
      el('p', { class: 'note' }, t('lab.shift.note')),
    );
  }

  #step(down, right) {
    const now = this.#state.state;
    const within = (value) => Math.min(Math.max(value, -REACH), REACH);
    this.#state.set({ down: within(now.down + down), right: within(now.right + right) });
  }

  /** The digit follows the pointer that holds it. */
  #dragTo(row, column, { type, buttons }) {
    const { down, right } = this.#state.state;
    if (type === 'pointerdown') this.#drag = { row: row - down, column: column - right };
    else if (buttons && this.#drag) {
      this.#step(row - this.#drag.row - down, column - this.#drag.column - right);
    }
  }

  #move(survey) {
    const { digit } = this.#desk.store.state;
    if (!digit) return;
    const { right, down, angle, scale } = this.#state.state;
    const turned = transform(digit, { angle, scale: scale / 100 });
    const { pixels } = transform(turned, { right, down });
    const { sheet } = this.#moved.state;
    if (!sheet.pixels || sheet.pixels.some((value, i) => value !== pixels[i])) {
      this.#moved.set({ sheet: { kind: 'array', pixels } });
    }
    survey.submit(turned).catch(this.#context.failed);
    this.#draw();
  }

  /** All shifts in one request: how sure the network still is of what it says of the digit at rest. */
  async #survey(turned) {
    const { api } = this.#context;
    const key = turned.pixels.join();
    if (this.#confidences?.key === key) return;
    const { predictions } = await api.predict(allShifts(turned, REACH));
    const middle = predictions[(predictions.length - 1) / 2];
    const { label } = this.#desk.store.state.values?.ranking()[0] ?? middle;
    this.#confidences = {
      key,
      label,
      values: Float64Array.from(predictions, ({ probabilities }) => probabilities[label]),
      wrong: predictions.map((each) => each.label !== label),
    };
    this.#draw();
  }

  #draw() {
    const now = this.#state.state;
    for (const [name, slider] of this.#parts.sliders) slider.value = now[name];
    const { digit, values: moved } = this.#moved.state;
    const { values: still } = this.#desk.store.state;
    if (!digit || !moved || !still) return;
    this.#parts.digit.show({ ...inkOf(digit), palette: grey(), side: 252, label: t('lab.shift.moved') });
    this.#drawAnswer(still.ranking()[0], moved.ranking()[0]);
    const { angle, scale, down, right } = now;
    this.#parts.layers.show({ still, moved, shift: angle === 0 && scale === 100 ? [down, right] : null });
    if (this.#confidences) this.#drawShifts(now);
  }

  #drawAnswer(still, moved) {
    const kept = still.label === moved.label;
    const text = kept ? t('lab.shift.kept') : t('lab.shift.lost', { label: still.label });
    this.#parts.answer.replaceChildren(
      el('span', { class: 'label', 'data-role': 'answer' }, moved.label),
      number(moved.probability, percent(moved.probability)),
      el('span', { class: kept ? 'tick' : 'tick wrong' }, text),
    );
  }

  #drawShifts({ down, right }) {
    const side = 2 * REACH + 1;
    const { values, wrong, label } = this.#confidences;
    const hatched = wrong.flatMap((isWrong, i) =>
      isWrong ? [{ top: Math.floor(i / side), left: i % side, height: 1, width: 1 }] : [],
    );
    this.#parts.shifts.show({
      rows: side,
      columns: side,
      values,
      palette: signed(1),
      hatched,
      marks: [{ top: down + REACH, left: right + REACH, height: 1, width: 1 }],
      side: 252,
      label: t('lab.shift.all'),
    });
    this.#parts.shiftsTold.textContent = t('lab.shift.counted', {
      label,
      kept: values.length - hatched.length,
      count: values.length,
    });
  }
}
