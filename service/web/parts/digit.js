import { grey } from '../lib/colours.js';
import { el, sharpContext, theme } from '../lib/dom.js';
import { cellImage, draw, outline } from '../lib/paint.js';
import { t } from '../lib/i18n.js';
import { DIGIT } from '../models/network.js';
import { meanIntensities } from '../models/pixels.js';

const SHARE = 0.4; // of the width of the drawing area, at most

/** The model's input, with the receptive field of the cell in focus. */
export class Digit {
  #network;
  #canvas = el('canvas', { role: 'img' });

  constructor(root, { store, network }) {
    this.#network = network;
    root.append(this.#canvas);
    store.watch(['digit', 'cell', 'hover', 'lang', 'dark'], (state) => this.#draw(state));
  }

  #draw({ digit, cell, hover }) {
    const { width, height, channels } = this.#network.input;
    const side = SHARE * parseFloat(theme('--paper-side'));
    const factor = Math.max(1, Math.floor(side / Math.max(width, height)));
    const context = sharpContext(this.#canvas, width * factor, height * factor);
    this.#canvas.title = t('digit.caption', { size: [height, width, channels].join(' × ') });
    this.#canvas.setAttribute('aria-label', t(digit ? 'digit.name' : 'digit.none'));
    if (!digit) return;
    draw(context, cellImage(meanIntensities(digit), width, grey), 0, 0, width * factor, height * factor);
    const region = this.#network.focus(hover ?? cell)?.[DIGIT].region;
    if (region) {
      const { top, left, height: rows, width: columns } = region;
      outline(context, left * factor, top * factor, columns * factor, rows * factor, theme('--mark'));
    }
  }
}
