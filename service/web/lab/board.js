import { inkOn, pixel } from '../lib/colours.js';
import { el, sharpContext, theme } from '../lib/dom.js';
import { exact, short } from '../lib/numbers.js';
import { draw, grey as inkGrey, hatch, outline, picture } from '../lib/paint.js';

const MARGIN = 4; // room for outlines around the outermost cells
const LARGEST_CELL = 48; // CSS pixels
const CELL_OF_NUMBERS = 26; // from here on a cell's number can be read in it
const MOST_READ_OUT = 64; // cells that a screen reader is told one by one

/** Values on both sides of 0: orange above, blue below; `limit` is the darkest. */
export const signed = (limit) => ({
  colour: (value) => pixel(value, limit || 1),
  ink: (value) => inkOn(value, limit || 1),
});

/** Ink on paper: 0 white, `limit` black. */
export const grey = (limit = 1) => ({
  colour: (value) => inkGrey(Math.min(Math.max(value / limit, 0), 1)),
  ink: (value) => (value / limit > 0.45 ? '#fff' : '#000'),
});

/** The largest magnitude among some numbers, for a scale. */
export const extent = (values) =>
  values.reduce((most, value) => Math.max(most, Math.abs(value) || 0), 0) || 1;

/** A map as a picture of cells, with their numbers where there is room; can be pointed at, touched
 * and stepped over.
 */
export class Board {
  #name;
  #actions;
  #shown = null;
  #factor = 1;
  #canvas = el('canvas', { 'aria-hidden': 'true' });

  /** @param actions {onPoint(row, column, event), onStep(down, right)}; none: a picture only. */
  constructor(name, actions = null) {
    this.#name = name;
    this.#actions = actions;
    const role = actions ? { role: 'application', tabindex: 0 } : { role: 'img' };
    this.node = el('div', { class: 'board', 'data-board': name, ...role }, this.#canvas);
    if (!actions) return;
    for (const kind of ['pointerdown', 'pointermove']) {
      this.node.addEventListener(kind, (event) => this.#point(event));
    }
    this.node.addEventListener('keydown', (event) => this.#key(event));
  }

  /** @param shown {rows, columns, values, palette, label}, and as wanted: `side` (about how large,
   *   CSS pixels) or `cell` (exactly how large a cell is), `windows` and `marks` ({top, left, height,
   *   width}), `hatched` (regions that nothing reads), `dots` (indices of cells that win), `numbers`
   *   (false for none). A value that is NaN is a cell not known yet.
   */
  show({ rows, columns, values, palette, label, ...more }) {
    const { side = 240, windows = [], marks = [], hatched = [], dots = [], numbers = true } = more;
    this.#shown = { rows, columns };
    const room = Math.min(side, (this.node.closest('.stage')?.clientWidth || side) - 2 * MARGIN);
    const fitting = Math.max(1, Math.floor(room / Math.max(rows, columns)));
    const factor = more.cell ?? Math.min(fitting, LARGEST_CELL);
    this.#factor = factor;
    const [width, height] = [columns * factor, rows * factor];
    const context = sharpContext(this.#canvas, width + 2 * MARGIN, height + 2 * MARGIN);
    context.translate(MARGIN, MARGIN);
    context.fillStyle = theme('--blank');
    context.fillRect(0, 0, width, height);
    draw(context, picture(values, columns, palette.colour), 0, 0, width, height);
    if (factor >= 7) lines(context, rows, columns, factor);
    if (numbers && factor >= CELL_OF_NUMBERS) figures(context, values, columns, factor, palette);
    const scaled = (paint) => (box) =>
      paint(box.left * factor, box.top * factor, box.width * factor, box.height * factor);
    for (const index of dots) dot(context, index, columns, factor);
    hatched.forEach(scaled((...box) => hatch(context, ...box, theme('--soft'))));
    windows.forEach(scaled((...box) => outline(context, ...box, theme('--accent'), 2)));
    marks.forEach(scaled((...box) => outline(context, ...box, theme('--mark'), 3)));
    this.node.setAttribute('aria-label', [label, told(values, columns)].filter(Boolean).join(': '));
  }

  /** How large a cell is, so that another board's are as large. */
  get cell() {
    return this.#factor;
  }

  #point(event) {
    if (!this.#shown || !event.isPrimary) return;
    if (event.type === 'pointerdown') event.preventDefault(); // no selection of text
    if (event.type === 'pointerdown') this.node.focus({ preventScroll: true });
    const box = this.#canvas.getBoundingClientRect();
    const { rows, columns } = this.#shown;
    const [row, column] = [
      [event.clientY - box.top, rows],
      [event.clientX - box.left, columns],
    ].map(([at, count]) => Math.min(Math.max(Math.floor((at - MARGIN) / this.#factor), 0), count - 1));
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

function lines(context, rows, columns, factor) {
  context.strokeStyle = 'rgb(0 0 0 / 14%)';
  context.lineWidth = 1;
  context.beginPath();
  for (let row = 0; row <= rows; row++) {
    context.moveTo(0, row * factor + 0.5);
    context.lineTo(columns * factor, row * factor + 0.5);
  }
  for (let column = 0; column <= columns; column++) {
    context.moveTo(column * factor + 0.5, 0);
    context.lineTo(column * factor + 0.5, rows * factor);
  }
  context.stroke();
}

/** In a cell's corner, so that its number can be read. */
function dot(context, index, columns, factor) {
  const radius = Math.min(Math.max(factor / 8, 1.5), 5);
  const [x, y] = [(index % columns) + 1, Math.floor(index / columns)].map((at) => at * factor);
  context.beginPath();
  context.arc(x - 1.6 * radius, y + 1.6 * radius, radius, 0, 2 * Math.PI);
  context.fillStyle = theme('--mark');
  context.fill();
  context.lineWidth = 1;
  context.strokeStyle = '#fff';
  context.stroke();
}

function figures(context, values, columns, factor, palette) {
  context.textAlign = 'center';
  context.textBaseline = 'middle';
  values.forEach((value, i) => {
    if (Number.isNaN(value)) return;
    const text = short(value);
    const size = Math.min(factor * 0.4, (factor - 6) / (0.62 * text.length), 15);
    context.font = `${size}px system-ui, sans-serif`;
    context.fillStyle = palette.ink(value);
    context.fillText(text, ((i % columns) + 0.5) * factor, (Math.floor(i / columns) + 0.53) * factor);
  });
}

/** A small map in words, row by row. */
function told(values, columns) {
  if (values.length > MOST_READ_OUT) return '';
  const rows = [];
  for (let i = 0; i < values.length; i += columns) {
    rows.push([...values.slice(i, i + columns)].map((v) => (Number.isNaN(v) ? '–' : exact(v))).join(' '));
  }
  return rows.join('; ');
}
