// The network in 3-D: the drawing flows through translucent layers to the classes.

import { el, loadStyle, number } from '../lib/dom.js';
import { addTexts, t } from '../lib/i18n.js';
import { short } from '../lib/numbers.js';
import { nameOf } from '../models/naming.js';
import { DIGIT } from '../models/network.js';
import { intensity } from '../models/pixels.js';
import en from './i18n/en.js';
import ko from './i18n/ko.js';
import { Picture } from './picture.js';
import { VIEWS } from './view.js';

const CLICK = 5; // CSS pixels that the pointer may move during a click

addTexts({ en, ko });
await loadStyle(new URL('space.css', import.meta.url));

/** Draw the network of the store's state; return {close()}, which frees everything.
 *
 * @param context {network, store, select}: select(cell) is called when a cell is picked.
 */
export function openSpace(root, context) {
  return new Space(root, context);
}

class Space {
  #network;
  #store;
  #select;
  #picture = null;
  #pressed = null; // where the pointer went down
  #canvas = el('canvas', {
    tabindex: 0,
    role: 'application',
    'aria-describedby': 'space-same',
    'aria-busy': 'true', // until the lines are drawn
  });
  #overlay = el('div', { class: 'labels', 'aria-hidden': 'true' });
  #pointed = el('p', { class: 'pointed', 'aria-hidden': 'true', hidden: true });
  #views = el('div', { class: 'views' });
  #readout = el('p', { class: 'readout', role: 'status' });
  #hint = el('p', { class: 'soft' });
  #same = el('p', { id: 'space-same', class: 'unseen' });
  #problem = el('p', { class: 'missing', role: 'alert', hidden: true });
  #node;
  #observer;
  #unwatch;

  constructor(root, { network, store, select }) {
    [this.#network, this.#store, this.#select] = [network, store, select];
    const stage = el('div', { class: 'stage' }, this.#canvas, this.#overlay, this.#pointed, this.#problem);
    for (const name of Object.keys(VIEWS)) {
      const onclick = () => this.#picture.look(name);
      this.#views.append(el('button', { type: 'button', 'data-view': name, onclick }));
    }
    const foot = el('div', { class: 'foot' }, this.#views, this.#readout, this.#hint);
    this.#node = el('div', { class: 'space' }, this.#same, stage, foot);
    root.append(this.#node);
    this.#start(stage);
    this.#unwatch = [
      store.watch(['values', 'digit', 'lang'], (state) => this.#picture?.colour(state)),
      store.watch(['values', 'weights', 'digit', 'cell', 'dark'], (state) => this.#link(state)),
      store.watch(['lang', 'values', 'digit', 'cell'], () => this.#write()),
    ];
  }

  /** Draw the lines, once the page has the weights. */
  #link(state) {
    this.#picture?.link(state);
    if (state.weights) this.#canvas.removeAttribute('aria-busy');
  }

  close() {
    for (const unwatch of this.#unwatch) unwatch();
    this.#observer?.disconnect();
    this.#picture?.close();
    this.#picture = null;
    this.#node.remove();
  }

  /** Start drawing; without WebGL say that there is no picture. */
  #start(stage) {
    const canvas = this.#canvas;
    const graphics = canvas.getContext('webgl2', { alpha: true, antialias: true });
    if (!graphics) {
      this.#fail('space.missing');
      return;
    }
    this.#picture = new Picture(canvas, graphics, this.#overlay, this.#network);
    this.#observer = new ResizeObserver(() => {
      const { clientWidth: width, clientHeight: height } = stage;
      if (width && height) this.#picture.resize(width, height);
    });
    this.#observer.observe(stage);
    canvas.addEventListener('webglcontextlost', () => this.#picture && this.#fail('space.lost'));
    canvas.addEventListener('webglcontextrestored', () => this.#fail(null));
    canvas.addEventListener('pointerdown', (event) => {
      this.#pressed = event.isPrimary ? event : null;
      this.#point(null);
    });
    canvas.addEventListener('pointermove', (event) => event.buttons || this.#point(event));
    canvas.addEventListener('pointerleave', () => this.#point(null));
    canvas.addEventListener('click', (event) => this.#pick(event));
    canvas.addEventListener('keydown', (event) => {
      if (!event.ctrlKey && !event.metaKey && this.#picture.key(event.key)) event.preventDefault();
    });
  }

  /** Say what is wrong instead of the picture; null shows the picture again. */
  #fail(key) {
    this.#problem.dataset.text = key ?? '';
    this.#node.classList.toggle('failed', key !== null);
    this.#problem.hidden = key === null;
    this.#write();
  }

  #pick(event) {
    const from = this.#pressed;
    const isClick = from && Math.hypot(event.clientX - from.clientX, event.clientY - from.clientY) <= CLICK;
    const cell = isClick ? this.#picture.cellAt(event) : null;
    if (cell) this.#select(cell);
  }

  /** Name the cell under the pointer. */
  #point(event) {
    const cell = event && this.#picture.cellAt(event);
    this.#canvas.classList.toggle('over', Boolean(cell));
    this.#pointed.hidden = !cell;
    if (!cell) return;
    this.#pointed.replaceChildren(...this.#described(cell));
    const { left, top, width } = this.#canvas.getBoundingClientRect();
    const [x, y] = [event.clientX - left, event.clientY - top];
    const beside = x > width / 2 ? 'calc(-100% - 12px)' : '12px';
    this.#pointed.style.transform = `translate(${x}px, ${y}px) translate(${beside}, -50%)`;
  }

  /** Write all texts in the page's language. */
  #write() {
    const { cell } = this.#store.state;
    this.#canvas.setAttribute('aria-label', t('space.picture'));
    this.#same.textContent = t('space.same');
    this.#hint.textContent = t('space.hint');
    const { text } = this.#problem.dataset;
    this.#problem.textContent = text ? t(text) : '';
    this.#readout.replaceChildren(...(cell ? this.#described(cell) : [t('space.none')]));
    for (const button of this.#views.children) button.textContent = t(`space.${button.dataset.view}`);
  }

  /** Return a cell's name and value. */
  #described(cell) {
    const { values, digit } = this.#store.state;
    const name = nameOf(cell, this.#network, t);
    const value = cell.layer === DIGIT ? pixelValue(digit, cell) : values?.at(cell);
    return value === undefined ? [name] : [`${name}: `, number(value, short(value))];
  }
}

function pixelValue(digit, { row, column, channel }) {
  if (!digit) return undefined;
  return intensity(digit.pixels[(row * digit.width + column) * digit.channels + channel]);
}
