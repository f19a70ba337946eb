import { el, sharpContext, theme } from '../lib/dom.js';
import { diverging, draw, grey, outline, picture } from '../lib/paint.js';
import { t } from '../lib/i18n.js';
import { focusOn } from '../models/focus.js';
import { DIGIT } from '../models/network.js';

const SIDE = 112;
const SMALLEST_HEAT_SCALE = 0.05; // as in service/sheets.py: small drops stay pale

/** The digit as the model sees it, with the receptive field of the cell in focus, and the evidence. */
export class Digit {
  #network;
  #store;
  #canvas = el('canvas', { role: 'img' });
  #caption = el('figcaption', {});

  constructor(root, { store, network }) {
    this.#network = network;
    this.#store = store;
    root.append(el('figure', {}, this.#canvas, this.#caption));
    store.watch(['digit', 'cell', 'hover', 'occlusion', 'lang', 'dark'], (state) => this.#draw(state));
  }

  #draw({ digit, cell, hover, occlusion }) {
    const { width, height, channels } = this.#network.input;
    const factor = Math.max(1, Math.floor(SIDE / Math.max(width, height)));
    const context = sharpContext(this.#canvas, width * factor, height * factor);
    this.#caption.textContent = t('digit.caption', { size: [height, width, channels].join(' × ') });
    this.#canvas.setAttribute('aria-label', t(digit ? 'digit.name' : 'digit.none'));
    if (!digit) return;
    const ink = Float32Array.from(
      { length: width * height },
      (_, i) => mean(digit.pixels, i, channels) / 255,
    );
    draw(context, picture(ink, width, grey), 0, 0, width * factor, height * factor);
    if (occlusion) this.#heat(context, occlusion, ink, width, factor);
    const region = focusOn(this.#network, hover ?? cell)?.[DIGIT].region;
    if (region) {
      const { top, left, height: rows, width: columns } = region;
      outline(context, left * factor, top * factor, columns * factor, rows * factor, theme('--mark'));
    }
  }

  #heat(context, occlusion, ink, width, factor) {
    const drops = Float32Array.from(occlusion.pixels.flat());
    const limit = heatLimit(occlusion);
    const height = drops.length / width;
    draw(context, picture(drops, width, diverging(limit)), 0, 0, width * factor, height * factor);
    context.globalAlpha = 0.5; // ink darkens the colour
    draw(
      context,
      picture(
        ink.map((value) => value || NaN),
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

/** The drop that the darkest colour stands for. */
export function heatLimit(occlusion) {
  return Math.max(...occlusion.pixels.flat().map(Math.abs), SMALLEST_HEAT_SCALE);
}

function mean(pixels, i, channels) {
  let sum = 0;
  for (let channel = 0; channel < channels; channel++) sum += pixels[i * channels + channel];
  return sum / channels;
}
