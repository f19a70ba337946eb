import { decodeGrey } from '../lib/png.js';

// A sheet is the input that the user chose: {kind: 'strokes', strokes} · {kind: 'sample', index} ·
// {kind: 'random', seed} · {kind: 'image', blob} · {kind: 'array', pixels}. Sheets are immutable.
export const EMPTY = Object.freeze({ kind: 'strokes', strokes: Object.freeze([]) });
const UNDO_LIMIT = 200;

/** The current sheet and its predecessors: each step can be undone. */
export class Sheets {
  #store;
  #past = [];
  #unfinished = null; // the sheet with the stroke that is being drawn

  constructor(store) {
    this.#store = store;
  }

  get current() {
    return this.#store.state.sheet;
  }

  /** Whether the stroke can be extended, because no other sheet has replaced it since it began. */
  get isBeingDrawn() {
    return this.current === this.#unfinished;
  }

  get canUndo() {
    return this.#past.length > 0;
  }

  /** Replace the current sheet. */
  put(sheet) {
    if (isEmpty(sheet) && isEmpty(this.current)) return;
    this.#past = [...this.#past.slice(1 - UNDO_LIMIT), this.current];
    this.#store.set({ sheet });
  }

  undo() {
    if (this.canUndo) this.#store.set({ sheet: this.#past.pop() });
  }

  /** Begin a stroke at a point, beside the present strokes or on an empty sheet. */
  begin(point, brush) {
    const strokes = this.current.kind === 'strokes' ? this.current.strokes : [];
    this.put(this.#draw([...strokes, { brush, points: [point] }]));
  }

  /** Extend the stroke to a point, unless the point is so near that it would only lengthen the link. */
  extend(point) {
    if (!this.isBeingDrawn) return;
    const strokes = this.current.strokes.slice();
    const { brush, points } = strokes.pop();
    const [x, y] = points.at(-1);
    if (Math.hypot(point[0] - x, point[1] - y) < 2) return;
    this.#store.set({ sheet: this.#draw([...strokes, { brush, points: [...points, point] }]) });
  }

  /** Return the sheet with the stroke; it is remembered before the store notifies its listeners. */
  #draw(strokes) {
    this.#unfinished = { kind: 'strokes', strokes };
    return this.#unfinished;
  }
}

export const isEmpty = (sheet) => sheet.kind === 'strokes' && sheet.strokes.length === 0;

/** Return a file's media type; a file that is no image is sent as bytes, so that the service does not
 * parse it as JSON or as a form.
 */
export function typeOf({ type }) {
  return type.startsWith('image/') ? type : 'application/octet-stream';
}

/** Digits of MNIST's test set, from a sprite that has them one below the other. */
export class Samples {
  #base;
  #sprite = null;

  constructor(base) {
    this.#base = base;
  }

  /** Return the pixels of a sample, strokes 255 on 0; after the last one the first follows. */
  async pixels(index) {
    const { pixels, width, height } = await this.#load();
    const size = width * width;
    const place = index % (height / width);
    return pixels.slice(place * size, (place + 1) * size);
  }

  #load() {
    this.#sprite ??= fetch(`${this.#base}samples.png`)
      .then((answer) => answer.arrayBuffer())
      .then(decodeGrey);
    return this.#sprite;
  }
}
