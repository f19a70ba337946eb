import { el, sharpContext, theme } from '../lib/dom.js';
import { cellImage, diverging, draw, grey, outline } from '../lib/paint.js';
import { t } from '../lib/i18n.js';
import { focusOn } from '../models/focus.js';
import { DIGIT } from '../models/network.js';
import { meanIntensities } from '../models/pixels.js';

const SHARE = 0.36; // of the width of the desk, at most
const MIN_HEAT_LIMIT = 0.05; // As in service/model/sheets.py, so that small drops stay pale.

/** The model's input, with the receptive field of the cell in focus, and the occlusion map. */
export class Digit {
  #network;
  #canvas = el('canvas', { role: 'img' });
  #root;

  constructor(root, { store, network }) {
    this.#network = network;
    this.#root = root;
    root.append(this.#canvas);
    store.watch(['digit', 'cell', 'hover', 'occlusion', 'lang', 'dark'], (state) => this.#draw(state));
  }

  #draw({ digit, cell, hover, occlusion }) {
    const { width, height, channels } = this.#network.input;
    const side = SHARE * this.#root.parentElement.clientWidth;
    const factor = Math.max(1, Math.floor(side / Math.max(width, height)));
    const context = sharpContext(this.#canvas, width * factor, height * factor);
    this.#canvas.title = t('digit.caption', { size: [height, width, channels].join(' × ') });
    this.#canvas.setAttribute('aria-label', t(digit ? 'digit.name' : 'digit.none'));
    if (!digit) return;
    const intensities = meanIntensities(digit);
    draw(context, cellImage(intensities, width, grey), 0, 0, width * factor, height * factor);
    if (occlusion) this.#drawHeat(context, occlusion, intensities, width, factor);
    const region = focusOn(this.#network, hover ?? cell)?.[DIGIT].region;
    if (region) {
      const { top, left, height: rows, width: columns } = region;
      outline(context, left * factor, top * factor, columns * factor, rows * factor, theme('--mark'));
    }
  }

  #drawHeat(context, occlusion, intensities, width, factor) {
    const drops = Float32Array.from(occlusion.pixels.flat());
    const limit = heatLimit(occlusion);
    const height = drops.length / width;
    draw(context, cellImage(drops, width, diverging(limit)), 0, 0, width * factor, height * factor);
    context.globalAlpha = 0.5; // The strokes darken the colour of the map.
    draw(
      context,
      cellImage(
        intensities.map((value) => value || NaN),
        width,
        (value) => (Math.round(255 * value) << 24) >>> 0,
      ),
      0,
      0,
      width * factor,
      height * factor,
    );
    context.globalAlpha = 1;
  }
}

/** Return the drop of confidence that the darkest colour represents. */
export function heatLimit(occlusion) {
  return Math.max(...occlusion.pixels.flat().map(Math.abs), MIN_HEAT_LIMIT);
}
