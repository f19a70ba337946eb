import { cssOf } from '../lib/colours.js';
import { el, number } from '../lib/dom.js';
import { extent } from '../lib/math.js';
import { exact, short } from '../lib/numbers.js';
import { colours, grid } from '../parts/convolution-terms.js';
import { signed } from './board.js';

const MANY_LETTERS = 7; // of a number that needs smaller letters in a cell
let count = 0; // of the ids that labels refer to

export function button(text, onclick, properties = {}) {
  return el('button', { type: 'button', onclick, ...properties }, text);
}

/** Create a figure: a caption above its content. */
export function figure(caption, ...content) {
  return el('figure', {}, el('figcaption', {}, caption), ...content);
}

export const operator = (text) => el('span', { class: 'operator', 'aria-hidden': 'true' }, text);

/** Create a grid of numbers on the colours of their values; `wins(row, column)` marks a cell. */
export function numbers(title, lines, limit, wins = () => false) {
  const isLong = (text) => text.length > MANY_LETTERS;
  return grid(title, lines, (value, row, column) =>
    number(value, short(value), {
      class: ['cell', wins(row, column) && 'wins', isLong(short(value)) && 'long'].filter(Boolean).join(' '),
      style: colours(value, limit || 1),
      title: exact(value),
    }),
  );
}

/** Create a choice of one among a few visible options. */
export function choice(name, label, options, selected, choose) {
  const id = (value) => `lab-${name}-${value}`;
  const radios = options.flatMap(([value, text]) => [
    el('input', {
      type: 'radio',
      name: `lab-${name}`,
      id: id(value),
      checked: String(value) === String(selected),
      class: 'unseen',
      onchange: () => choose(value),
    }),
    el('label', { for: id(value) }, text),
  ]);
  return el('fieldset', { class: 'choice' }, el('legend', {}, label), ...radios);
}

/** Create a choice of one among many options in a drop-down list. */
export function select(label, options, selected, choose) {
  const id = `lab-select-${++count}`;
  const items = options.map(([value, text]) =>
    el('option', { value, selected: String(value) === String(selected) }, text),
  );
  return el(
    'div',
    { class: 'control' },
    el('label', { for: id }, label),
    el('select', { id, onchange: (event) => choose(event.target.value) }, ...items),
  );
}

/** A slider for a number; setting `value` moves it without an event. */
export class Slider {
  #input;
  #output = el('output', {});
  #text;

  constructor({ name, label, min, max, step = 1, text = String, oninput }) {
    const id = `lab-slider-${++count}`;
    this.#text = text;
    this.#input = el('input', { type: 'range', id, min, max, step, 'data-slider': name });
    this.#input.addEventListener('input', () => oninput(Number(this.#input.value)));
    this.node = el('div', { class: 'slider' }, el('label', { for: id }, label), this.#input, this.#output);
  }

  set value(value) {
    this.#input.value = value;
    this.#output.textContent = this.#text(value);
    this.#input.setAttribute('aria-valuetext', this.#text(value));
  }
}

/** A small grid of numbers that can be edited; `onEdit(lines)` is called after each valid number. */
export class EditGrid {
  #inputs;
  #palette;

  /** @param palette of the cells; by default one whose limit is the grid's largest magnitude. */
  constructor({ label, lines, cell, onEdit, palette = null }) {
    this.lines = lines.map((line) => [...line]);
    this.#palette = palette;
    this.#inputs = this.lines.map((line, row) =>
      line.map((_, column) => {
        const input = el('input', {
          type: 'number',
          step: 'any',
          class: 'cell',
          'aria-label': `${label}, ${cell(row, column)}`,
        });
        input.addEventListener('input', () => this.#edit(row, column, input, onEdit));
        input.addEventListener('focus', () => input.select());
        return input;
      }),
    );
    this.node = el(
      'div',
      { class: 'edit-grid', role: 'group', 'aria-label': label, style: `--columns: ${lines[0].length}` },
      ...this.#inputs.flat(),
    );
    this.show(lines);
  }

  show(lines) {
    this.lines = lines.map((line) => [...line]);
    this.#inputs.flat().forEach((input, i) => {
      const value = this.lines.flat()[i];
      if (Number(input.value) !== value || input.value === '') {
        input.value = Number.isInteger(value) ? value : Number(value.toPrecision(4));
      }
      input.title = exact(value);
    });
    this.#paint();
  }

  #paint() {
    const flat = this.lines.flat();
    const palette = this.#palette ?? signed(extent(flat));
    this.#inputs.flat().forEach((input, i) => {
      input.style.background = cssOf(palette.colour(flat[i]));
      input.style.color = palette.text(flat[i]);
    });
  }

  #edit(row, column, input, onEdit) {
    const value = Number(input.value);
    if (input.value === '' || !Number.isFinite(value)) return; // The number is incomplete.
    this.lines[row][column] = value;
    this.#paint();
    onEdit(this.lines.map((line) => [...line]));
  }
}
