import { grey } from '../lib/colours.js';
import { el, number, sharpContext } from '../lib/dom.js';
import { t } from '../lib/i18n.js';
import { exact, percent } from '../lib/numbers.js';
import { cellImage, draw } from '../lib/paint.js';
import { toText } from '../models/strokes.js';
import { outlierScore } from './digit-map.js';

const SIDE = 28;
const LARGE = 84; // CSS pixels
const SMALL = 42;

/** What a digit is taken for: its pixels, its true class and the answer, its nearest neighbours. */
export class Card {
  #map;
  #thumbnails;
  #labels;
  #actions;
  #subject = null;
  node = el('section', { class: 'digit-card' });

  /** @param actions {open(row), close()}. */
  constructor({ map, thumbnails, labels, actions }) {
    this.#map = map;
    this.#thumbnails = thumbnails;
    this.#labels = labels;
    this.#actions = actions;
  }

  /** Show a test digit with its neighbours. */
  showRow(row, neighbours, lang) {
    const map = this.#map;
    const pixels = this.#thumbnails.pixels(row);
    const link = el('a', { class: 'button', 'data-do': 'playground' }, t('map.open'));
    pixels.then(
      (loaded) => (link.href = `#${new URLSearchParams({ pixels: toText(loaded), lang })}`),
      () => link.replaceWith(t('map.failed')),
    );
    this.#show(row, [
      el(
        'div',
        { class: 'bar' },
        el('h3', {}, t('map.digit', { row })),
        el('button', { type: 'button', class: 'quiet', onclick: () => this.#actions.close() }, t('close')),
      ),
      this.#facts(pixels, [
        [t('map.label'), this.#labels[map.labels[row]]],
        [
          t('map.answer'),
          el(
            'span',
            { class: map.isMistake(row) ? 'warning' : null },
            `${this.#labels[map.predicted[row]]}, `,
            number(map.confidences[row], percent(map.confidences[row])),
          ),
        ],
        [t('map.score'), this.#score(map.outlierScores[row])],
      ]),
      link,
      ...this.#neighbours(neighbours),
    ]);
  }

  /** Show where the playground's drawing lands. */
  showDrawing({ digit, label, probability }, neighbours) {
    this.#show(null, [
      el('h3', {}, t('map.drawing')),
      this.#facts(Promise.resolve(digit.pixels), [
        [t('map.answer'), el('span', {}, `${label}, `, number(probability, percent(probability)))],
        [t('map.score'), this.#score(outlierScore(neighbours))],
      ]),
      ...this.#neighbours(neighbours),
    ]);
  }

  /** Say how to see something here. */
  showNothing() {
    this.#show(null, [el('p', { class: 'soft' }, t('map.pick')), el('p', { class: 'soft' }, t('map.draw'))]);
  }

  #show(subject, nodes) {
    const hadFocus = this.node.contains(document.activeElement);
    this.#subject = subject;
    this.node.replaceChildren(...nodes);
    if (hadFocus) this.focus();
  }

  /** Move the focus to the card's first control. */
  focus() {
    this.node.querySelector('button, a')?.focus();
  }

  #facts(pixels, facts) {
    const entries = facts.flatMap(([name, value]) => [el('dt', {}, name), el('dd', {}, value)]);
    return el('div', { class: 'facts-of' }, thumbnail(pixels, LARGE), el('dl', {}, ...entries));
  }

  #score(score) {
    const share = this.#map.shareBelow(score);
    return el(
      'span',
      {},
      number(score, Number(score.toPrecision(4)), { title: exact(score) }),
      el('span', { class: 'soft' }, ` ${t('map.score.rank', { share: percent(share) })}`),
    );
  }

  #neighbours(neighbours) {
    const tiles = neighbours.map(({ row, distance }) =>
      digitButton(this.#map, this.#thumbnails, this.#labels, row, {
        title: t('map.distance', { distance: Number(distance.toPrecision(4)) }),
        onclick: () => this.#actions.open(row),
      }),
    );
    return [
      el('h4', {}, t('map.neighbours', { count: neighbours.length, classes: this.#classes(neighbours) })),
      el('ul', { class: 'digits' }, ...tiles.map((tile) => el('li', {}, tile))),
    ];
  }

  /** Return how many of the neighbours each class has, such as "7 × 9, 9 × 1". */
  #classes(neighbours) {
    const counts = new Map();
    for (const { row } of neighbours) {
      const label = this.#labels[this.#map.labels[row]];
      counts.set(label, (counts.get(label) ?? 0) + 1);
    }
    return [...counts]
      .sort(([, a], [, b]) => b - a)
      .map(([label, count]) => t('map.count', { label, count }))
      .join(', ');
  }
}

/** Create a button with a digit's pixels and its class; for a mistake, also the answer. */
export function digitButton(map, thumbnails, labels, row, properties) {
  const [label, predicted] = [labels[map.labels[row]], labels[map.predicted[row]]];
  const isMistake = map.isMistake(row);
  const name = isMistake
    ? t('map.mistake', { row, label, predicted, confidence: percent(map.confidences[row]) })
    : t('map.right', { row, label, confidence: percent(map.confidences[row]) });
  return el(
    'button',
    { type: 'button', class: 'digit', 'data-row': row, ...properties },
    thumbnail(thumbnails.pixels(row), SMALL),
    el(
      'span',
      { class: isMistake ? 'warning' : null, 'aria-hidden': 'true' },
      isMistake ? `${label} → ${predicted}` : label,
    ),
    el('span', { class: 'unseen' }, name),
  );
}

/** Create a picture of a digit, dark on light; it is blank until its pixels are loaded. */
export function thumbnail(pixels, size) {
  const canvas = el('canvas', { class: 'thumbnail', 'aria-hidden': 'true' });
  sharpContext(canvas, size, size);
  pixels.then(
    (loaded) => {
      const image = cellImage(
        Float32Array.from(loaded, (byte) => byte / 255),
        SIDE,
        grey,
      );
      draw(sharpContext(canvas, size, size), image, 0, 0, size, size);
    },
    () => {}, // It stays blank, and is requested again when it is next shown.
  );
  return canvas;
}
