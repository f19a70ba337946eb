import { grey as greyPixel, pixel, textColour, textOn, tinted } from '../lib/colours.js';
import { el, sharpContext, theme } from '../lib/dom.js';
import { clamp } from '../lib/math.js';
import { exact, short } from '../lib/numbers.js';
import { cellImage, draw, gridLines, hatch, outline } from '../lib/paint.js';

const WINDOW = '#0b5cad'; // of its outline; boards are light in dark mode too
const MARGIN = 4; // space for outlines around the outermost cells
const MAX_CELL = 48; // CSS pixels
const MIN_CELL_WITH_NUMBER = 26; // CSS pixels
const MIN_CELL_WITH_LINES = 7; // CSS pixels
const MAX_CELLS_IN_LABEL = 64; // Screen readers read the values of a board up to this size.

/** Return a side for boards that share a row with others: smaller where the row would wrap. */
export const sideInRow = (side) =>
  matchMedia('(min-width: 801px) and (max-width: 1400px)').matches ? Math.min(side, 196) : side;

/** A palette for values on both sides of 0: orange above, blue below; `limit` is the darkest. */
export const signed = (limit) => ({
  colour: (value) => pixel(value, limit || 1),
  text: (value) => textColour(value, limit || 1),
});

/** A palette for intensities: 0 is white, `limit` is black. */
export const grey = (limit = 1) => ({
  colour: (value) => greyPixel(clamp(value / limit, 0, 1)),
  text: (value) => (value / limit > 0.45 ? '#fff' : '#000'),
});

/** A palette for one channel of a colour image: 0 is near-white, `limit` is the channel's colour. */
export function tint(colour, limit) {
  const at = (value) => tinted(clamp(value / limit, 0, 1), colour);
  return { colour: at, text: (value) => textOn(at(value)) };
}

/** A map as an image of cells, with numbers in cells that are large enough; mouse, touch and arrow
 * keys can select cells.
 */
export class Board {
  #actions;
  #size = null; // {rows, columns} of the map
  #factor = 1;
  #canvas = el('canvas', { 'aria-hidden': 'true' });

  /** @param actions {onPoint(row, column, event), onStep(down, right)}; null without interaction. */
  constructor(name, actions = null) {
    this.#actions = actions;
    const role = actions ? { role: 'application', tabindex: 0 } : { role: 'img' };
    this.node = el('div', { class: 'board', 'data-board': name, ...role }, this.#canvas);
    if (!actions) return;
    for (const kind of ['pointerdown', 'pointermove']) {
      this.node.addEventListener(kind, (event) => this.#point(event));
    }
    this.node.addEventListener('keydown', (event) => this.#key(event));
  }

  /** Draw a map: {rows, columns, values, palette, label}; a value that is NaN leaves its cell blank.
   *
   * Options: `side` (about how large, CSS pixels) or `cell` (the exact size of a cell), `windows` and
   * `marks` (regions), `hatched` (regions that no window reads), `dots` (indices of cells), `numbers`
   * (false for none).
   */
  show({ rows, columns, values, palette, label, ...options }) {
    const { side = 240, windows = [], marks = [], hatched = [], dots = [], numbers = true } = options;
    this.#size = { rows, columns };
    const space = Math.min(side, (this.node.closest('.stage')?.clientWidth || side) - 2 * MARGIN);
    const largest = Math.max(1, Math.floor(space / Math.max(rows, columns)));
    const factor = options.cell ?? Math.min(largest, MAX_CELL);
    this.#factor = factor;
    const [width, height] = [columns * factor, rows * factor];
    const context = sharpContext(this.#canvas, width + 2 * MARGIN, height + 2 * MARGIN);
    context.translate(MARGIN, MARGIN);
    context.fillStyle = theme('--blank');
    context.fillRect(0, 0, width, height);
    draw(context, cellImage(values, columns, palette.colour), 0, 0, width, height);
    if (factor >= MIN_CELL_WITH_LINES) gridLines(context, rows, columns, factor, 'rgb(0 0 0 / 14%)');
    const scale = (paint) => (box) =>
      paint(box.left * factor, box.top * factor, box.width * factor, box.height * factor);
    for (const index of dots) drawDot(context, index, columns, factor);
    hatched.forEach(scale((...box) => hatch(context, ...box, theme('--soft'))));
    windows.forEach(scale((...box) => outline(context, ...box, WINDOW, 2)));
    marks.forEach(scale((...box) => outline(context, ...box, theme('--mark'), 3)));
    if (numbers && factor >= MIN_CELL_WITH_NUMBER) drawNumbers(context, values, columns, factor, palette);
    this.node.setAttribute('aria-label', [label, valuesText(values, columns)].filter(Boolean).join(': '));
  }

  /** The size of a cell, so that another board can have cells of the same size. */
  get cell() {
    return this.#factor;
  }

  #point(event) {
    if (!this.#size || !event.isPrimary) return;
    if (event.type === 'pointerdown') event.preventDefault(); // Else the browser selects text.
    if (event.type === 'pointerdown') this.node.focus({ preventScroll: true });
    const box = this.#canvas.getBoundingClientRect();
    const { rows, columns } = this.#size;
    const [row, column] = [
      [event.clientY - box.top, rows],
      [event.clientX - box.left, columns],
    ].map(([at, count]) => clamp(Math.floor((at - MARGIN) / this.#factor), 0, count - 1));
    this.#actions.onPoint(row, column, event);
  }

  #key(event) {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const step = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key];
    if (!step) return;
    event.preventDefault();
    this.#actions.onStep(...step);
  }
}

/** Draw a dot in a cell's corner, where it does not cover the number. */
function drawDot(context, index, columns, factor) {
  const radius = clamp(factor / 8, 1.5, 5);
  const [x, y] = [(index % columns) + 1, Math.floor(index / columns)].map((at) => at * factor);
  context.beginPath();
  context.arc(x - 1.6 * radius, y + 1.6 * radius, radius, 0, 2 * Math.PI);
  context.fillStyle = theme('--mark');
  context.fill();
  context.lineWidth = 1;
  context.strokeStyle = '#fff';
  context.stroke();
}

function drawNumbers(context, values, columns, factor, palette) {
  context.textAlign = 'center';
  context.textBaseline = 'middle';
  values.forEach((value, i) => {
    if (Number.isNaN(value)) return;
    const text = short(value);
    const size = Math.min(factor * 0.4, (factor - 6) / (0.62 * text.length), 15);
    context.font = `${size}px system-ui, sans-serif`;
    context.fillStyle = palette.text(value);
    context.fillText(text, ((i % columns) + 0.5) * factor, (Math.floor(i / columns) + 0.53) * factor);
  });
}

/** Return the values of a small map as text, row by row; no text for a large one. */
function valuesText(values, columns) {
  if (values.length > MAX_CELLS_IN_LABEL) return '';
  const rows = [];
  for (let i = 0; i < values.length; i += columns) {
    rows.push([...values.slice(i, i + columns)].map((v) => (Number.isNaN(v) ? '–' : exact(v))).join(' '));
  }
  return rows.join('; ');
}
