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
  #drawn = null; // the sheet as the stroke under way has left it

  constructor(store) {
    this.#store = store;
  }

  get current() {
    return this.#store.state.sheet;
  }

  /** Whether a stroke can be led on: nothing else was laid on the table since it began. */
  get isBeingDrawn() {
    return this.current === this.#drawn;
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
    this.put(this.#draw([...strokes, { brush, points: [point] }]));
  }

  /** Lead the stroke under way on; near points add nothing but length to the link. */
  extend(point) {
    if (!this.isBeingDrawn) return;
    const strokes = this.current.strokes.slice();
    const { brush, points } = strokes.pop();
    const [x, y] = points.at(-1);
    if (Math.hypot(point[0] - x, point[1] - y) < 2) return;
    this.#store.set({ sheet: this.#draw([...strokes, { brush, points: [...points, point] }]) });
  }

  /** Known as the stroke's own before anyone is told of it. */
  #draw(strokes) {
    this.#drawn = { kind: 'strokes', strokes };
    return this.#drawn;
  }
}

export const isEmpty = (sheet) => sheet.kind === 'strokes' && sheet.strokes.length === 0;
