/** What lies on the paper, and what lay on it before: each step can be undone.
 *
 * A sheet is {kind: 'strokes', strokes} · {kind: 'sample', index} · {kind: 'random', seed} ·
 * {kind: 'picture', blob} · {kind: 'array', pixels}; never changed, only replaced.
 */
export const EMPTY = Object.freeze({ kind: 'strokes', strokes: Object.freeze([]) });
const MOST_STEPS = 200;

export class Sheets {
  #store;
  #past = [];

  constructor(store) {
    this.#store = store;
  }

  get current() {
    return this.#store.state.sheet;
  }

  get canUndo() {
    return this.#past.length > 0;
  }

  /** Lay another sheet on the table. */
  put(sheet) {
    if (isEmpty(sheet) && isEmpty(this.current)) return;
    this.#past = [...this.#past.slice(1 - MOST_STEPS), this.current];
    this.#store.set({ sheet });
  }

  undo() {
    if (this.canUndo) this.#store.set({ sheet: this.#past.pop() });
  }

  /** A new stroke at that point, on the strokes that are there or on a clean sheet. */
  begin(point, brush) {
    const strokes = this.current.kind === 'strokes' ? this.current.strokes : [];
    this.put({ kind: 'strokes', strokes: [...strokes, { brush, points: [point] }] });
  }

  /** Lead the last stroke on; near points add nothing but length to the link. */
  extend(point) {
    const strokes = this.current.strokes.slice();
    const { brush, points } = strokes.pop();
    const [x, y] = points.at(-1);
    if (Math.hypot(point[0] - x, point[1] - y) < 2) return;
    this.#store.set({
      sheet: { kind: 'strokes', strokes: [...strokes, { brush, points: [...points, point] }] },
    });
  }
}

export const isEmpty = (sheet) => sheet.kind === 'strokes' && sheet.strokes.length === 0;
