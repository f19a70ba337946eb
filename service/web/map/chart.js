import { el } from '../lib/dom.js';
import { Painter } from './painter.js';
import { Viewport } from './viewport.js';

const CLICK = 6; // pixels that a pointer may move in a click
const REACH = 14; // pixels around a pointer in which it meets a point
const HOP = 12; // pixels that an arrow key moves at least
const STEP = 80; // pixels that Shift and an arrow key pan
const ZOOM_STEP = 1.5;
const WHEEL_ZOOM = 0.0015; // a pixel of the wheel
const DIRECTIONS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

/** The map on a canvas: points, or thumbnails where it is enlarged; wheel, drag, pinch and keys. */
export class Chart {
  #map;
  #painter;
  #thumbnails;
  #actions;
  #viewport = new Viewport();
  #points = el('canvas', { 'aria-hidden': 'true' });
  #rings = el('canvas', { 'aria-hidden': 'true' }); // above the points, because it changes with the pointer
  #isOld = true; // whether the points have changed since they were drawn
  #pointers = new Map(); // those that are down: [x, y] of each
  #moved = 0; // pixels since the first pointer went down
  #frame = null;
  #state = { rows: [], shown: null, selected: null, current: null, drawing: null, neighbours: [] };

  /** @param actions {point(row, x, y): a row is pointed at, null for none, open(row), step(row)}. */
  constructor({ map, thumbnails, classes, actions }) {
    this.#map = map;
    this.#thumbnails = thumbnails;
    this.#actions = actions;
    this.#painter = new Painter({ map, thumbnails, viewport: this.#viewport, classes });
    this.node = el('div', { class: 'chart-area', role: 'application', tabindex: 0 }, this.#points, this.#rings);
    this.node.addEventListener('wheel', (event) => this.#wheel(event), { passive: false });
    this.node.addEventListener('pointerdown', (event) => this.#down(event));
    this.node.addEventListener('pointermove', (event) => this.#move(event));
    for (const type of ['pointerup', 'pointercancel']) {
      this.node.addEventListener(type, (event) => this.#up(event));
    }
    // After a touch there is nothing to leave: the tip stays.
    this.node.addEventListener('pointerleave', ({ pointerType }) => {
      if (pointerType === 'mouse') this.#actions.point(null);
    });
    this.node.addEventListener('blur', () => this.#actions.point(null));
    this.node.addEventListener('keydown', (event) => this.#key(event));
    new ResizeObserver(() => this.#resize()).observe(this.node);
  }

  /** Draw a state: {rows: of the filter, selected, current: rows or null, drawing: a place or null,
   * neighbours: rows that are ringed}.
   */
  show(state) {
    if (state.rows && state.rows !== this.#state.rows) {
      state.shown = new Uint8Array(this.#map.count);
      for (const row of state.rows) state.shown[row] = 1;
    }
    this.#state = { ...this.#state, ...state };
    this.#drawSoon(Boolean(state.shown));
  }

  /** Draw all of it in other colours. */
  recolour() {
    this.#thumbnails.clearPictures();
    this.#drawSoon(true);
  }

  zoomIn = () => this.#zoom(ZOOM_STEP);
  zoomOut = () => this.#zoom(1 / ZOOM_STEP);
  showAll = () => {
    this.#viewport.reset();
    this.#changed();
  };

  /** Bring a digit into view. */
  reveal(row) {
    this.#viewport.reveal(this.#map.place(row));
    this.#changed();
  }

  /** Return where a digit is, in pixels from the chart's left and top. */
  pixelsOf(row) {
    return this.#viewport.toPixels(this.#map.place(row));
  }

  #resize() {
    const { clientWidth, clientHeight } = this.node;
    if (!clientWidth || !clientHeight) return; // hidden
    this.#viewport.resize(clientWidth, clientHeight);
    this.#isOld = true;
    this.#draw();
  }

  /** Zoom at a pixel; without one, at the digit that is chosen if it is visible, or else in the middle. */
  #zoom(factor, x, y) {
    const { current, selected } = this.#state;
    const chosen = x === undefined ? (current ?? selected) : null;
    const at = chosen === null ? [x, y] : this.pixelsOf(chosen);
    this.#viewport.zoom(factor, ...(this.#viewport.has(at) ? at : []));
    this.#changed();
  }

  #changed() {
    // One finger scrolls the page over the whole map, and moves an enlarged one.
    this.node.classList.toggle('enlarged', this.#viewport.scale > 1);
    this.#drawSoon(true);
  }

  #at(event) {
    const box = this.node.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  }

  #wheel(event) {
    event.preventDefault();
    const lines = event.deltaMode ? 20 : 1; // a browser may report lines
    this.#zoom(Math.exp(-event.deltaY * lines * WHEEL_ZOOM), ...this.#at(event));
  }

  #down(event) {
    if (!this.#pointers.size) this.#moved = 0;
    this.#pointers.set(event.pointerId, this.#at(event));
    this.node.setPointerCapture(event.pointerId);
  }

  #move(event) {
    const to = this.#at(event);
    const from = this.#pointers.get(event.pointerId);
    if (!from) {
      this.#actions.point(this.#rowAt(...to), ...to);
      return;
    }
    this.#moved += Math.hypot(to[0] - from[0], to[1] - from[1]);
    if (this.#moved < CLICK) return;
    const other = [...this.#pointers].find(([id]) => id !== event.pointerId)?.[1];
    this.#pointers.set(event.pointerId, to);
    const share = other ? 0.5 : 1; // the middle of two fingers moves half as far as one of them
    this.#viewport.pan(share * (to[0] - from[0]), share * (to[1] - from[1]));
    if (other) {
      const distance = ([x, y]) => Math.max(Math.hypot(x - other[0], y - other[1]), 1);
      this.#viewport.zoom(distance(to) / distance(from), (to[0] + other[0]) / 2, (to[1] + other[1]) / 2);
    }
    this.#actions.point(null);
    this.#changed();
  }

  #up(event) {
    if (!this.#pointers.delete(event.pointerId)) return;
    if (event.type === 'pointercancel' || this.#moved >= CLICK || this.#pointers.size) return;
    const row = this.#rowAt(...this.#at(event));
    if (row !== null) this.#actions.open(row);
    if (event.pointerType !== 'mouse') this.#actions.point(row, ...this.#at(event));
  }

  #key(event) {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const direction = DIRECTIONS[event.key];
    const commands = { '+': this.zoomIn, '=': this.zoomIn, '-': this.zoomOut, 0: this.showAll };
    if (direction && event.shiftKey) {
      this.#viewport.pan(-STEP * direction[0], -STEP * direction[1]);
      this.#changed();
    } else if (direction) this.#step(direction);
    else if (event.key === 'Enter' && this.#state.current !== null) this.#actions.open(this.#state.current);
    else if (commands[event.key]) commands[event.key]();
    else return;
    event.preventDefault();
  }

  /** Go to the next shown digit in a direction. */
  #step([right, down]) {
    const { shown, current, selected } = this.#state;
    const start = current ?? selected;
    const middle = [this.#viewport.width / 2, this.#viewport.height / 2];
    const [x, y] = start === null ? middle : this.pixelsOf(start);
    let best = null;
    let least = Infinity;
    for (let row = 0; row < this.#map.count; row++) {
      if (!shown[row] || row === start) continue;
      const [toX, toY] = this.pixelsOf(row);
      const along = (toX - x) * right + (toY - y) * down;
      const aside = Math.abs((toX - x) * down) + Math.abs((toY - y) * right);
      if (start !== null && (along < HOP || aside > along)) continue;
      const distance = start === null ? Math.hypot(toX - x, toY - y) : along + 2 * aside;
      if (distance < least) [best, least] = [row, distance];
    }
    if (best === null) return;
    this.reveal(best);
    this.#actions.step(best);
  }

  /** Return the shown digit nearest to a pixel; null where none is near. */
  #rowAt(x, y) {
    let best = null;
    let least = Math.max(REACH, this.#painter.reach);
    for (let row = 0; row < this.#map.count; row++) {
      if (!this.#state.shown?.[row]) continue;
      const [toX, toY] = this.pixelsOf(row);
      const distance = Math.hypot(toX - x, toY - y);
      if (distance < least) [best, least] = [row, distance];
    }
    return best;
  }

  /** @param isOld whether the points have changed too. */
  #drawSoon(isOld = false) {
    this.#isOld ||= isOld;
    this.#frame ??= requestAnimationFrame(() => this.#draw());
  }

  #draw() {
    cancelAnimationFrame(this.#frame);
    this.#frame = null;
    if (!this.#state.shown) return;
    if (this.#isOld) {
      this.#painter.drawDigits(this.#points, this.#state.shown, () => this.#drawSoon(true));
    }
    this.#isOld = false;
    this.#painter.drawRings(this.#rings, this.#state);
  }
}
