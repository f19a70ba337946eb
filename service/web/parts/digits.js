import { grey } from '../lib/colours.js';
import { el, sharpContext } from '../lib/dom.js';
import { cellImage, draw } from '../lib/paint.js';
import { percent } from '../lib/numbers.js';
import { t } from '../lib/i18n.js';
import { meanIntensities } from '../models/pixels.js';
import { readOut, rowsOf, stepFrom } from '../models/segments.js';

const SIDE = 26; // of a prepared digit's picture, CSS pixels
const GRIDDED = ['grid', 'lines', 'box']; // what preprocessing removes where there may be a grid

/** The digits of a picture or drawing that has several, in reading order; the page shows the selected one. */
export class Digits {
  #root;
  #store;

  constructor(root, { store }) {
    const href = new URL('digits.css', import.meta.url).href;
    document.head.append(el('link', { rel: 'stylesheet', href }));
    this.#root = root;
    this.#store = store;
    root.addEventListener('keydown', (event) => this.#key(event));
    store.watch(['segments', 'isGrid', 'hasNoGrid', 'sheet', 'removed', 'lang', 'dark'], (state) => this.#draw(state));
    store.watch(['segment'], (state) => this.#mark(state));
    store.watch(['segments'], ({ segments }) => this.#announce(segments));
  }

  #draw({ segments, segment, sheet, isGrid, hasNoGrid, removed }) {
    const mayBeGrid = segments || isGrid || removed?.names.some((name) => GRIDDED.includes(name));
    const hasSwitch = sheet.kind === 'image' && mayBeGrid;
    this.#root.hidden = !segments && !hasSwitch;
    if (this.#root.hidden) return this.#root.replaceChildren();
    const focused = this.#root.contains(document.activeElement) && document.activeElement.dataset.segment;
    const numbers = segments && segments[0].column === null ? readOut(segments) : [];
    this.#root.replaceChildren(
      el(
        'div',
        { class: 'bar' },
        numbers.length === 1 ? numberOf(numbers[0]) : '',
        hasSwitch ? this.#gridSwitch(isGrid) : '',
      ),
      hasNoGrid ? el('p', { class: 'warning', role: 'status' }, t('digits.no-grid')) : '',
      segments ? this.#tiles(segments, numbers) : '',
    );
    this.#mark({ segment });
    if (focused !== false && focused !== undefined) this.#tile(segment)?.focus();
    return undefined;
  }

  #gridSwitch(isGrid) {
    const onchange = ({ target }) => this.#store.set({ isGrid: target.checked });
    return el('label', {}, el('input', { type: 'checkbox', checked: isGrid, onchange }), t('digits.grid'));
  }

  /** Create the tiles by row, each row below its number; those of a grid are its cells. */
  #tiles(segments, numbers) {
    const rows = rowsOf(segments).flatMap((row, at) => [
      numbers.length > 1 ? numberOf(numbers[at]) : '',
      el('div', { class: 'row' }, ...row.map((each) => (numbers.length ? this.#digit(each) : this.#cell(each)))),
    ]);
    const look = numbers.length ? 'tiles' : 'tiles table';
    return el('div', { class: look, role: 'group', 'aria-label': t('digits') }, ...rows);
  }

  /** Create the tile of a digit, or of another sign, which cannot be selected. */
  #digit(segment) {
    const picture = el('canvas', { 'aria-hidden': 'true' });
    const context = sharpContext(picture, SIDE, SIDE);
    draw(context, cellImage(meanIntensities(segment.digit), segment.digit.width, grey), 0, 0, SIDE, SIDE);
    if (!segment.isDigit) return el('span', { class: 'sign', role: 'img', 'aria-label': t('digits.sign') }, picture);
    return this.#button(segment, picture, el('b', {}, segment.label), el('small', {}, tenths(segment.confidence)));
  }

  /** Create a cell of a grid: its label, or nothing. */
  #cell(segment) {
    return segment.isDigit ? this.#button(segment, segment.label) : el('span', {});
  }

  #button({ index, label, confidence, row, column }, ...content) {
    const place = column === null ? 'digits.digit' : 'digits.cell';
    const values = { label, confidence: percent(confidence), row: row + 1, column: column + 1, number: index + 1 };
    const onclick = () => this.#store.set({ segment: index });
    return el('button', { type: 'button', 'data-segment': index, title: t(place, values), onclick }, ...content);
  }

  /** Mark the selected tile; only it is reached by Tab. */
  #mark({ segment }) {
    for (const button of this.#root.querySelectorAll('[data-segment]')) {
      const isSelected = Number(button.dataset.segment) === segment;
      button.setAttribute('aria-pressed', String(isSelected));
      button.tabIndex = isSelected ? 0 : -1;
      if (isSelected) reveal(button);
    }
  }

  #tile(segment) {
    return this.#root.querySelector(`[data-segment="${segment}"]`);
  }

  #key(event) {
    const { segments, segment } = this.#store.state;
    if (!event.target.dataset.segment || event.ctrlKey || event.metaKey || event.altKey) return;
    const next = stepFrom(segments, segment, event.key);
    if (next === null) return;
    event.preventDefault();
    this.#store.set({ segment: next });
    this.#tile(next).focus();
  }

  #announce(segments) {
    if (segments) this.#store.set({ announcement: t('digits.announcement', { number: readOut(segments).join(', ') }) });
  }
}

const numberOf = (text) => el('output', { class: 'number', 'aria-label': t('digits.number') }, text);

/** Format a confidence in the width of a tile, rounded down. */
const tenths = (confidence) => `${(Math.floor(1000 * confidence) / 10).toFixed(1)} %`;

/** Scroll a tile into view within its strip only, because the page must not move. */
function reveal(button) {
  const strip = button.closest('.tiles');
  const { left, right, top, bottom } = button.getBoundingClientRect();
  const box = strip.getBoundingClientRect();
  strip.scrollLeft += Math.min(left - box.left, 0) || Math.max(right - box.right, 0);
  strip.scrollTop += Math.min(top - box.top, 0) || Math.max(bottom - box.bottom, 0);
}
