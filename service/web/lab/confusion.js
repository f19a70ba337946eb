import { el } from '../lib/dom.js';
import { decodeGrey } from '../lib/png.js';
import { percent } from '../lib/numbers.js';
import { t } from '../lib/i18n.js';
import { fromText, toText } from '../models/strokes.js';

/** The confusion matrix; a cell of errors shows its test digits, and each digit links to the playground. */
export class Confusion {
  #report;
  #labels;
  #lang;
  #choose;
  #selected = null; // the cell whose digits are shown or being decoded
  #table = el('div', { class: 'scroll' });
  #digits = el('div', { class: 'mistakes', 'aria-live': 'polite' });

  /** @param choose (label, predicted) is called when a cell is clicked. */
  constructor(report, { labels, lang, choose }) {
    this.#report = report;
    this.#labels = labels;
    this.#lang = lang;
    this.#choose = choose;
    this.node = el('div', { class: 'bench-row' }, this.#table, this.#digits);
  }

  /** Draw the matrix with a cell selected; null for none. */
  async show(cell) {
    this.#selected = cell;
    const focused = document.activeElement?.dataset?.confusion;
    this.#table.replaceChildren(this.#matrix(cell));
    if (focused) this.#table.querySelector(`[data-confusion="${focused}"]`)?.focus();
    if (!cell) {
      this.#digits.replaceChildren(el('p', { class: 'soft' }, t('lab.training.pick')));
      return;
    }
    const [label, predicted] = cell;
    const errors = this.#report.misclassified.filter(
      (each) => each.label === label && each.predicted === predicted,
    );
    const items = await Promise.all(errors.map((each) => this.#digit(each)));
    if (this.#selected !== cell) return; // Another cell was selected in the meantime.
    const names = { label: this.#labels[label], predicted: this.#labels[predicted], count: errors.length };
    this.#digits.replaceChildren(el('h3', {}, t('lab.training.mistakes', names)), el('ul', {}, ...items));
  }

  #matrix(cell) {
    const { confusion } = this.#report;
    const most = Math.max(...confusion.flatMap((row, r) => row.filter((_, c) => c !== r)), 1);
    const head = this.#labels.map((label) => el('th', { scope: 'col' }, label));
    const rows = confusion.map((row, r) =>
      el(
        'tr',
        {},
        el('th', { scope: 'row' }, this.#labels[r]),
        ...row.map((count, c) => el('td', {}, this.#cell(count, r, c, most, cell))),
      ),
    );
    return el(
      'table',
      { class: 'confusion' },
      el('caption', { class: 'soft' }, t('lab.training.confusion.how')),
      el('thead', {}, el('tr', {}, el('td', {}), ...head)),
      el('tbody', {}, ...rows),
    );
  }

  #cell(count, label, predicted, most, cell) {
    if (label === predicted) return el('span', { class: 'right' }, count);
    if (!count) return '';
    const isSelected = cell?.[0] === label && cell[1] === predicted;
    const names = { label: this.#labels[label], predicted: this.#labels[predicted], count };
    return el(
      'button',
      {
        type: 'button',
        style: `--share: ${Math.sqrt(count / most)}`,
        'data-confusion': `${label}-${predicted}`,
        'aria-pressed': String(isSelected),
        'aria-label': t('lab.training.mistakes', names),
        onclick: () => this.#choose(label, predicted),
      },
      String(count),
    );
  }

  /** Create a misclassified test digit as a link that opens it in the playground. */
  async #digit({ index, confidence, digit }) {
    const { pixels } = await decodeGrey(fromText(digit.split(',')[1]).buffer);
    const caption = t('lab.training.digit', { index, confidence: percent(confidence) });
    return el(
      'li',
      {},
      el(
        'a',
        {
          href: `#${new URLSearchParams({ pixels: toText(pixels), lang: this.#lang })}`,
          title: t('lab.training.open'),
        },
        el('img', { src: digit, alt: '', width: 84, height: 84 }),
        caption,
      ),
    );
  }
}
