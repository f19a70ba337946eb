import { grey, textColour } from '../lib/colours.js';
import { el, sharpContext, theme } from '../lib/dom.js';
import { cellImage, diverging, draw, gridLines, hatch, outline } from '../lib/paint.js';
import { cellRegion } from '../models/region.js';

const MARGIN = 4;
const MIN_LINED_CELL = 6; // Lines between smaller cells would hide their colours.

/** One enlarged map with visible cells, which mouse and arrow keys can select. */
export class PlaneView {
  #side;
  #plane = null;
  #factor = 1;
  #canvas = el('canvas', {});
  #actions;
  #cell = null;

  /** @param side () → CSS pixels at most.
   *  @param actions {onSelect(cell), onHover(cell or null), isFocusable: by Tab}; null for an image without interaction.
   */
  constructor(name, side, actions = null) {
    this.#side = side;
    this.#actions = actions;
    const { isFocusable = true } = actions ?? {};
    const role = actions ? { role: 'application', tabindex: isFocusable ? 0 : -1 } : { role: 'img' };
    this.node = el('div', { class: 'plane', 'data-plane': name, ...role }, this.#canvas);
    if (!actions) return;
    this.node.addEventListener('pointermove', (event) => actions.onHover(this.#under(event)));
    this.node.addEventListener('pointerleave', () => actions.onHover(null));
    this.node.addEventListener('click', (event) => {
      const cell = this.#under(event);
      if (cell) actions.onSelect(cell);
    });
    this.node.addEventListener('keydown', (event) => this.#key(event));
  }

  /** Draw a plane with its selected cell, the window that the next layer reads and regions it does not.
   *
   * @param names of the units of a flat layer, which are written into them; none by default.
   */
  show({ plane, numbers, limit, cell = null, window = null, winner = null, unread = [], label, names = [] }) {
    this.#plane = plane;
    this.#cell = cell;
    this.#factor = Math.max(1, Math.min(Math.floor(this.#side() / Math.max(plane.rows, plane.columns)), 48));
    const [width, height] = [plane.columns * this.#factor, plane.rows * this.#factor];
    const context = sharpContext(this.#canvas, width + 2 * MARGIN, height + 2 * MARGIN);
    context.translate(MARGIN, MARGIN);
    this.node.setAttribute('aria-label', label);
    if (!numbers) {
      context.fillStyle = theme('--blank');
      context.fillRect(0, 0, width, height);
      return;
    }
    draw(
      context,
      cellImage(numbers, plane.columns, plane.layer ? diverging(limit) : grey),
      0,
      0,
      width,
      height,
    );
    if (this.#factor >= MIN_LINED_CELL) {
      gridLines(context, plane.rows, plane.columns, this.#factor, 'rgb(0 0 0 / 12%)');
    }
    names.forEach((name, unit) => this.#write(context, name, numbers[unit], limit, plane.placeOf({ channel: unit })));
    for (const region of unread)
      this.#region(context, region, (...box) => hatch(context, ...box, theme('--soft')));
    const mark = theme('--mark');
    if (window) this.#region(context, window, (...box) => outline(context, ...box, mark));
    for (const each of [winner, cell].filter(Boolean)) {
      const { row, column } = plane.placeOf(each);
      this.#region(context, cellRegion(row, column), (...box) => outline(context, ...box, mark, 3));
    }
  }

  #write(context, name, value, limit, { row, column }) {
    context.font = `${Math.round(this.#factor / 2)}px system-ui, sans-serif`;
    context.textAlign = 'center';
    context.textBaseline = 'middle';
    context.fillStyle = textColour(value, limit);
    context.fillText(name, (column + 0.5) * this.#factor, (row + 0.5) * this.#factor);
  }

  #region(context, { top, left, height, width }, paint) {
    const factor = this.#factor;
    paint(left * factor, top * factor, width * factor, height * factor);
  }

  #under({ clientX, clientY }) {
    const box = this.#canvas.getBoundingClientRect();
    const [column, row] = [clientX - box.left - MARGIN, clientY - box.top - MARGIN].map((at) =>
      Math.floor(at / this.#factor),
    );
    return this.#plane?.cellAt(row, column) ?? null;
  }

  #key(event) {
    if (!this.#cell || event.altKey || event.ctrlKey || event.metaKey) return;
    const to = this.#plane.step(this.#cell, event.key);
    if (to) this.#actions.onSelect(to);
    if (to || event.key.startsWith('Arrow')) event.preventDefault();
  }
}
