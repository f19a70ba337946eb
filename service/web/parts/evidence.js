import { grey } from '../lib/colours.js';
import { el, sharpContext, theme } from '../lib/dom.js';
import { extent } from '../lib/math.js';
import { cellImage, diverging, draw, outline } from '../lib/paint.js';
import { percent, short } from '../lib/numbers.js';
import { t } from '../lib/i18n.js';
import { withChange } from '../models/changes.js';
import { intensities, meanIntensities } from '../models/pixels.js';
import { dockedSide } from './dock.js';
import { legend } from './legend.js';
import { problemNote } from './problem.js';

const MIN_HEAT_LIMIT = 0.05; // As in service/model/sheets.py, so that small drops stay pale.

/** Which pixels decide: the occlusion map, gradient × input, and the smallest change that gives the
 * digit another class.
 */
export class Evidence {
  #store;
  #network;
  #local;
  #occlusion = new Heat();
  #gradient = new Heat();
  #change = new Heat();
  #smallest;
  #shown = null; // the values that the gradient was requested for

  constructor(root, { store, network, local }) {
    this.#store = store;
    this.#network = network;
    this.#local = local;
    this.#smallest = new SmallestChange({ store, network, local });
    this.#change.node.append(this.#smallest.node);
    root.append(this.#occlusion.node, this.#gradient.node, this.#change.node);
    const shown = ['tab', 'lang', 'dark', 'values', 'occlusion', 'occlusionProblem', 'changes'];
    store.watch(shown, (state) => this.#draw(state));
  }

  #draw(state) {
    const { tab, values, digit, changes } = state;
    if (tab !== 'evidence') return;
    for (const heat of [this.#occlusion, this.#gradient, this.#change]) heat.clear();
    this.#change.name(t('smallest.title'));
    this.#occlusion.name(t('evidence.occlusion'));
    this.#gradient.name(t('evidence.gradient'));
    this.#smallest.draw();
    if (!values) return;
    this.#change.draw(digit, null, 1);
    this.#change.mark(changes.filter(({ kind }) => kind === 'pixel'), this.#network.input);
    this.#drawOcclusion(state);
    this.#drawGradient(state);
  }

  #drawOcclusion({ digit, occlusion, occlusionProblem }) {
    this.#occlusion.draw(digit, null, 1);
    if (occlusionProblem) return this.#occlusion.note(problemNote(occlusionProblem));
    if (!occlusion) return undefined;
    const limit = Math.max(...occlusion.pixels.flat().map(Math.abs), MIN_HEAT_LIMIT);
    this.#occlusion.draw(digit, Float32Array.from(occlusion.pixels.flat()), limit);
    const text = t('evidence.how', {
      patch: occlusion.patch,
      label: occlusion.label,
      confidence: percent(occlusion.confidence),
    });
    return this.#occlusion.note(legend(limit, true, (value) => short(Math.round(100 * value))), el('p', {}, text));
  }

  async #drawGradient({ values, digit, changes }) {
    if (!this.#local.isReady || !this.#network.hasClasses) {
      return this.#gradient.note(el('p', { class: 'soft' }, t('change.impossible')));
    }
    const [{ index, label }] = values.ranking();
    const inputs = intensities(digit);
    const others = changes.filter(({ kind }) => kind !== 'pixel');
    this.#shown = values;
    const gradient = await this.#local.gradient(inputs, others, index);
    if (this.#shown !== values) return undefined; // Other values came in the meantime.
    const { channels } = this.#network.input;
    const products = Float32Array.from({ length: inputs.length / channels }, (_, i) => {
      let sum = 0;
      for (let c = 0; c < channels; c++) sum += gradient[i * channels + c] * inputs[i * channels + c];
      return sum;
    });
    const limit = extent(products);
    this.#gradient.draw(digit, products, limit);
    return this.#gradient.note(legend(limit, true), el('p', {}, t('evidence.gradient.how', { label })));
  }
}

/** A picture of the digit with a map over it, its name, and notes below. */
class Heat {
  #canvas = el('canvas', { role: 'img' });
  #title = el('h3', {});
  #notes = el('div', { class: 'description' });
  node = el('section', {}, this.#title, this.#canvas, this.#notes);
  #factor = 1;
  #context;

  name(text) {
    this.#title.textContent = text;
    this.#canvas.setAttribute('aria-label', text);
  }

  note(...nodes) {
    this.#notes.replaceChildren(...nodes);
  }

  clear() {
    this.note();
  }

  /** @param map a number for each pixel, row by row; null for the digit alone. */
  draw(digit, map, limit) {
    const { width, height } = digit;
    this.#factor = Math.max(1, Math.floor(dockedSide() / Math.max(width, height)));
    const size = [width * this.#factor, height * this.#factor];
    this.#context = sharpContext(this.#canvas, ...size);
    const strokes = meanIntensities(digit);
    if (!map) {
      draw(this.#context, cellImage(strokes, width, grey), 0, 0, ...size);
      return;
    }
    draw(this.#context, cellImage(map, width, diverging(limit)), 0, 0, ...size);
    this.#context.globalAlpha = 0.4; // The strokes stay visible under the colours of the map.
    const stroke = strokes.map((value) => value || NaN);
    draw(this.#context, cellImage(stroke, width, grey), 0, 0, ...size);
    this.#context.globalAlpha = 1;
  }

  /** Outline changed pixels. */
  mark(changes, { width, channels }) {
    for (const { index } of changes) {
      const place = Math.floor(index / channels);
      const [x, y] = [(place % width) * this.#factor, Math.floor(place / width) * this.#factor];
      outline(this.#context, x, y, this.#factor, this.#factor, theme('--changed'), 1);
    }
  }
}

/** The choice of a class, and the search for the fewest pixels that make the digit one of that class. */
class SmallestChange {
  node = el('div', { class: 'smallest' });
  #store;
  #network;
  #local;
  #wanted = null; // the index of the class; null for the second most probable one
  #result = null; // {key, label, count} of the last search

  constructor({ store, network, local }) {
    this.#store = store;
    this.#network = network;
    this.#local = local;
    store.watch(['sheet'], () => {
      this.#result = null;
    });
  }

  draw() {
    const { values } = this.#store.state;
    this.node.hidden = !values || !this.#local.isReady || !this.#network.hasClasses;
    if (this.node.hidden) return;
    const wanted = this.#wanted ?? values.ranking()[1].index;
    const choose = ({ target }) => {
      this.#wanted = Number(target.value);
    };
    const options = this.#network.labels.map((label, value) =>
      el('option', { value, selected: value === wanted }, label),
    );
    const focused = this.node.contains(document.activeElement) && document.activeElement.tagName;
    this.node.replaceChildren(
      el('label', {}, t('smallest.class'), el('select', { onchange: choose }, ...options)),
      el('button', { type: 'button', 'data-action': 'smallest', onclick: () => this.#find(wanted) }, t('smallest.find')),
      el('p', { class: 'soft', role: 'status' }, this.#result ? t(this.#result.key, this.#result) : ''),
    );
    if (focused) this.node.querySelector(focused)?.focus();
  }

  async #find(first) {
    const wanted = this.#wanted ?? first;
    this.#wanted = wanted;
    const { digit, changes } = this.#store.state;
    this.#result = { key: 'smallest.searching' };
    this.draw();
    const others = changes.filter(({ kind }) => kind !== 'pixel');
    const found = await this.#local.smallestChange(intensities(digit), others, wanted);
    const key = !found ? 'smallest.none' : found.length ? 'smallest.found' : 'smallest.already';
    this.#result = { key, label: this.#network.labels[wanted], count: found?.length };
    const pixels = (found ?? []).map(({ index, value }) => ({ kind: 'pixel', index, value }));
    if (pixels.length) this.#store.set({ changes: pixels.reduce(withChange, changes) });
    else this.draw();
  }
}
