import { grey } from '../lib/colours.js';
import { el, number, sharpContext } from '../lib/dom.js';
import { percent } from '../lib/numbers.js';
import { t } from '../lib/i18n.js';
import { cellImage, draw } from '../lib/paint.js';
import { intensities, meanIntensities } from '../models/pixels.js';

const SIDE = 112; // of the digit, CSS pixels

/** A digit, and what the network of each snapshot takes it for. */
export class Answer {
  #snapshots;
  #network;
  #pixels;
  #values = []; // of each snapshot, once they are computed
  #label = el('output', { class: 'label' });
  #rows;

  constructor({ snapshots, network, digit }) {
    this.#snapshots = snapshots;
    this.#network = network;
    this.#pixels = intensities(digit);
    this.#rows = network.labels.map((label) => el('li', { 'data-label': label }));
    this.node = el(
      'div',
      {},
      el('div', { class: 'read' }, picture(digit), this.#label),
      el('ol', { class: 'classes' }, ...this.#rows),
    );
  }

  /** Return all values of a snapshot's network for the digit. */
  values(index) {
    this.#values[index] ??= this.#snapshots.network(index).run(this.#pixels);
    return this.#values[index];
  }

  /** Return the class that a snapshot's network finds most probable. */
  label(index) {
    const probabilities = this.#probabilities(index);
    return this.#network.labels[probabilities.indexOf(Math.max(...probabilities))];
  }

  show(index) {
    const first = this.label(index);
    this.#label.textContent = first;
    this.#label.setAttribute('aria-label', t('learning.answer.name', { label: first }));
    this.#probabilities(index).forEach((probability, i) => {
      const label = this.#network.labels[i];
      this.#rows[i].className = label === first ? 'first' : '';
      this.#rows[i].replaceChildren(
        el('b', {}, label),
        el('span', { class: 'share' }, el('i', { style: `--share: ${probability}` })),
        number(probability, percent(probability)),
      );
    });
  }

  #probabilities(index) {
    return this.values(index)[this.#network.last.name];
  }
}

function picture(digit) {
  const { width, height } = digit;
  const factor = Math.max(1, Math.floor(SIDE / Math.max(width, height)));
  const canvas = el('canvas', { role: 'img', 'aria-label': t('learning.digit') });
  const context = sharpContext(canvas, width * factor, height * factor);
  draw(context, cellImage(meanIntensities(digit), width, grey), 0, 0, width * factor, height * factor);
  return canvas;
}
