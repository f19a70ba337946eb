import { el, sharpContext, theme } from '../lib/dom.js';

const MOVE_MS = 500;
const MAX = 65535; // of a position
const MARGIN = 10; // CSS pixels
const RADIUS = 1.7;
const CLASSES = 10; // with a colour each (lib/classes.css)

/** The test digits as points, similar ones close to each other; they move when another map is shown. */
export class DigitMap {
  #canvas = el('canvas', { role: 'img' });
  #classes; // of each digit
  #labels; // their names
  #side;
  #from = null;
  #to = null;
  #start = 0;
  #frame = 0;

  /** @param side of the map, CSS pixels. */
  constructor({ classes, labels, side }) {
    this.#classes = classes;
    this.#labels = labels;
    this.#side = side;
    this.node = this.#canvas;
  }

  /** Move the points to another map: x, y, x, y, … from 0 to 65,535. */
  show(positions, description) {
    this.#canvas.setAttribute('aria-label', description);
    const isStill = !this.#to || matchMedia('(prefers-reduced-motion: reduce)').matches;
    this.#from = isStill ? positions : this.#positions(performance.now());
    this.#to = positions;
    this.#start = isStill ? -Infinity : performance.now();
    cancelAnimationFrame(this.#frame);
    this.#draw(performance.now());
  }

  /** Stop moving. */
  leave() {
    cancelAnimationFrame(this.#frame);
  }

  #positions(now) {
    const share = Math.min(1, (now - this.#start) / MOVE_MS);
    const eased = share * share * (3 - 2 * share);
    if (share === 1) return this.#to;
    return Float32Array.from(this.#to, (to, i) => this.#from[i] + eased * (to - this.#from[i]));
  }

  #draw(now) {
    const context = sharpContext(this.#canvas, this.#side, this.#side);
    const place = (at) => MARGIN + (at / MAX) * (this.#side - 2 * MARGIN);
    const positions = this.#positions(now);
    const byClass = this.#labels.map(() => ({ path: new Path2D(), xs: [], ys: [] }));
    this.#classes.forEach((label, i) => {
      const [x, y] = [place(positions[2 * i]), place(positions[2 * i + 1])];
      const { path, xs, ys } = byClass[label];
      path.moveTo(x + RADIUS, y);
      path.arc(x, y, RADIUS, 0, 2 * Math.PI);
      xs.push(x);
      ys.push(y);
    });
    byClass.forEach(({ path }, label) => {
      context.fillStyle = theme(`--class-${label % CLASSES}`);
      context.fill(path);
    });
    context.font = '700 17px system-ui, sans-serif';
    context.textAlign = 'center';
    context.textBaseline = 'middle';
    context.lineJoin = 'round';
    context.lineWidth = 4;
    context.strokeStyle = theme('--card');
    context.fillStyle = theme('--ink');
    byClass.forEach(({ xs, ys }, label) => {
      if (!xs.length) return;
      context.strokeText(this.#labels[label], median(xs), median(ys));
      context.fillText(this.#labels[label], median(xs), median(ys));
    });
    if (positions !== this.#to) this.#frame = requestAnimationFrame((time) => this.#draw(time));
  }
}

const median = (values) => values.toSorted((a, b) => a - b)[values.length >> 1];
