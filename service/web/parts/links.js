import { el, sharpContext, theme } from '../lib/dom.js';
import { clamp } from '../lib/math.js';
import { linksOf, linksTo } from '../models/links.js';
import { DIGIT } from '../models/network.js';

const SETTLED_MS = 350; // without another value: then the links appear once more, from left to right
const DUE_MS = 40; // after other values: then their links are computed
const LAYER_MS = 90;
const [ADDS, TAKES] = ['#e08214', '#4393c3'];

/** The links between the columns: width and colour show the contribution. Below the tiles are those of
 * the strongest channels; above them the path from the selected cell to the pixels, and the links of
 * the tile that is pointed at.
 */
export class Links {
  #below = el('canvas', { class: 'links', 'aria-hidden': 'true' });
  #above = el('canvas', { class: 'links above', 'aria-hidden': 'true' });
  #store;
  #network;
  #columns;
  #size = null;
  #links = []; // of each layer
  #shown; // how many layers' links are shown, while they appear
  #due = null; // the timer of the links of other values
  #timer;
  #frame;

  /** @param columns a Columns, whose tiles the links connect. */
  constructor(root, { store, network, columns }) {
    this.#store = store;
    this.#network = network;
    this.#columns = columns;
    root.prepend(this.#below);
    root.append(this.#above);
    this.#shown = network.layers.length;
    store.watch(['values', 'weights'], () => {
      // A stroke changes the values many times a second: first come the maps, then their links.
      this.#due ??= setTimeout(() => this.#compute(store.state), DUE_MS);
    });
    store.watch(['path', 'pointed', 'trail', 'cell', 'stage', 'dark'], () => this.#drawAbove());
    store.watch(['stage', 'dark'], () => this.#drawBelow());
    columns.whenLaidOut(() => this.#fit(root));
  }

  /** Draw in a picture of another size. */
  #fit(root) {
    for (const canvas of [this.#below, this.#above]) canvas.style.display = 'none'; // Else they count themselves.
    this.#size = [Math.max(root.scrollWidth, root.clientWidth), root.clientHeight];
    for (const canvas of [this.#below, this.#above]) canvas.style.display = '';
    this.#drawBelow();
    this.#drawAbove();
  }

  #compute({ values, digit, weights }) {
    this.#due = null;
    const context = { network: this.#network, values, digit, weights };
    this.#links = values && weights ? this.#network.layers.map((layer) => linksTo(layer, context)) : [];
    this.#drawBelow();
    clearTimeout(this.#timer);
    if (this.#links.length) this.#timer = setTimeout(() => this.#appear(), SETTLED_MS);
  }

  /** Let the links appear from left to right, as the values flow. */
  #appear() {
    if (matchMedia('(prefers-reduced-motion: reduce), (max-width: 999px)').matches) return;
    const start = performance.now();
    cancelAnimationFrame(this.#frame);
    const step = (now) => {
      this.#shown = Math.min((now - start) / LAYER_MS, this.#network.layers.length);
      this.#drawBelow();
      if (this.#shown < this.#network.layers.length) this.#frame = requestAnimationFrame(step);
    };
    this.#frame = requestAnimationFrame(step);
  }

  #drawBelow() {
    if (!this.#size) return;
    const context = sharpContext(this.#below, ...this.#size);
    if (this.#store.state.stage === 'weights') return;
    this.#links.forEach((links, i) => {
      const largest = largestOf(links);
      const share = clamp(this.#shown - i, 0, 1);
      for (const link of links) {
        const strength = Math.abs(link.amount) / largest;
        context.globalAlpha = (0.12 + 0.5 * strength) * (0.25 + 0.75 * share);
        this.#drawLink(context, i, link, 0.75 + 1.75 * strength);
      }
    });
  }

  #drawAbove() {
    if (!this.#size) return;
    const context = sharpContext(this.#above, ...this.#size);
    const { values, weights, pointed, stage } = this.#store.state;
    if (!values || !weights || stage === 'weights') return;
    this.#drawPath(context);
    if (!pointed) return;
    const layer = pointed.layer === DIGIT ? null : this.#network.find(pointed.layer);
    const { inputs, outputs } = linksOf(layer, pointed.channel, { ...this.#store.state, network: this.#network });
    const at = layer ? this.#network.layers.indexOf(layer) : -1;
    for (const [i, links] of [
      [at, inputs],
      [at + 1, outputs],
    ]) {
      const largest = largestOf(links);
      context.globalAlpha = 0.95;
      for (const link of links) this.#drawLink(context, i, link, 1.5 + 2.5 * (Math.abs(link.amount) / largest));
    }
  }

  #drawLink(context, i, { from, to, amount }, width) {
    const { layers } = this.#network;
    context.strokeStyle = amount > 0 ? ADDS : TAKES;
    context.lineWidth = width;
    const before = this.#columns.place({ layer: i ? layers[i - 1].name : DIGIT, channel: from });
    curve(context, right(before), left(this.#columns.place({ layer: layers[i].name, channel: to })));
  }

  /** Draw the path through the picture, with the cell of each step. */
  #drawPath(context) {
    const { trail, cell, path } = this.#store.state;
    if (!cell) return;
    const steps = [...trail, cell, ...path];
    context.strokeStyle = theme('--mark');
    context.lineWidth = 2;
    steps.forEach((step, i) => {
      const box = this.#columns.place(step);
      context.strokeRect(box.x - 1, box.y - 1, box.width + 2, box.height + 2);
      if (i && steps[i - 1].layer !== step.layer) curve(context, right(box), left(this.#columns.place(steps[i - 1])));
    });
  }
}

const right = ({ x, y, width, height }) => [x + width, y + height / 2];
const left = ({ x, y, height }) => [x, y + height / 2];
const largestOf = (links) => Math.max(...links.map(({ amount }) => Math.abs(amount)), Number.MIN_VALUE);

function curve(context, [x0, y0], [x1, y1]) {
  const bend = (x1 - x0) / 2;
  context.beginPath();
  context.moveTo(x0, y0);
  context.bezierCurveTo(x0 + bend, y0, x1 - bend, y1, x1, y1);
  context.stroke();
}
