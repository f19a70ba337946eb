import { grey } from '../lib/colours.js';
import { el, replaceContent, sharpContext, theme } from '../lib/dom.js';
import { cellImage, diverging, draw, outline } from '../lib/paint.js';
import { t } from '../lib/i18n.js';
import { nameOf } from '../models/naming.js';
import { DIGIT } from '../models/network.js';
import { Plane } from '../models/plane.js';

const SIDE = 30; // of a step's picture, CSS pixels

/** The path from the first selected cell to the pixels: each step is a tile to go to. The steps before
 * the selected one were selected before; those after it contribute most to the one before them.
 */
export class Path {
  #root;
  #network;
  #trail;
  #focusTitle;

  constructor(root, { store, network, trail, focusTitle }) {
    this.#root = root;
    this.#network = network;
    this.#trail = trail;
    this.#focusTitle = focusTitle;
    store.watch(['cell', 'trail', 'path', 'values', 'lang', 'dark'], (state) => this.#draw(state));
  }

  #draw(state) {
    const { cell, trail, path, values } = state;
    this.#root.hidden = !cell || !values;
    if (this.#root.hidden) return;
    this.#root.setAttribute('aria-label', t('path'));
    const go = (action) => () => {
      action();
      this.#focusTitle();
    };
    const back = el(
      'button',
      { type: 'button', 'data-action': 'back', disabled: !trail.length, onclick: go(() => this.#trail.back()) },
      `← ${t('trail.back')}`,
    );
    const steps = [
      ...trail.map((step, i) => this.#step(step, state, go(() => this.#trail.back(i)))),
      this.#step(cell, state, null),
      ...path.map((step, i) => this.#step(step, state, go(() => this.#trail.follow(path, i)))),
    ];
    replaceContent(this.#root, back, el('ol', {}, ...steps));
  }

  /** @param onclick null for the selected step. */
  #step(cell, state, onclick) {
    const name = nameOf(cell, this.#network, t);
    const content = [this.#picture(cell, state), el('span', {}, this.#shortName(cell))];
    return el(
      'li',
      {},
      el(
        'button',
        { type: 'button', class: 'step', title: name, onclick, 'aria-current': onclick ? null : 'step' },
        ...content,
      ),
    );
  }

  #shortName({ layer, channel, row, column }) {
    const { last, labels, hasClasses } = this.#network;
    if (layer === DIGIT) return `${t('input')} (${row}, ${column})`;
    if (hasClasses && layer === last.name) return labels[channel];
    return row === undefined ? `${layer} ${channel}` : `${layer} ${channel} (${row}, ${column})`;
  }

  /** Draw the cell's map with the cell outlined; a unit is one square. */
  #picture(cell, { values, digit }) {
    const canvas = el('canvas', { 'aria-hidden': 'true' });
    const context = sharpContext(canvas, SIDE, SIDE);
    const layer = this.#network.find(cell.layer);
    const colour = layer ? diverging(values.limit(layer, 'post')) : grey;
    if (layer?.isFlat) {
      draw(context, cellImage([values.at(cell)], 1, colour), 3, 3, SIDE - 6, SIDE - 6);
      return canvas;
    }
    const plane = new Plane({ network: this.#network, layer, channel: cell.channel });
    const factor = (SIDE - 4) / Math.max(plane.rows, plane.columns);
    const size = [plane.columns * factor, plane.rows * factor];
    draw(context, cellImage(plane.values(values, digit, 'post'), plane.columns, colour), 2, 2, ...size);
    context.translate(2, 2);
    outline(context, cell.column * factor, cell.row * factor, factor, factor, theme('--mark'), 1);
    return canvas;
  }
}
