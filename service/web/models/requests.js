import { Latest } from '../lib/latest.js';
import { Inputs } from './inputs.js';
import { DIGIT } from './network.js';
import { intensities, withPixels } from './pixels.js';
import { isEmpty } from './sheet.js';
import { classCell, sameCell } from './trail.js';
import { requestValues, Values } from './values.js';

const NO_EXPLANATION = { explanation: null, explanationProblem: null, path: [] };
const NO_OCCLUSION = { occlusion: null, occlusionProblem: null };
const NOTHING = {
  digit: null,
  values: null,
  baseline: null,
  isFamiliar: null,
  isOld: false,
  problem: null,
  removed: null,
  ...NO_EXPLANATION,
  ...NO_OCCLUSION,
};
const ONE_DIGIT = { segments: null, segment: null };
const NO_GRID = { isGrid: false, hasNoGrid: false };
/** The state that `Requests` keeps and reads, besides the sheet: with a cell that the user selects. */
export const REQUESTED = {
  ...NOTHING,
  ...ONE_DIGIT,
  ...NO_GRID,
  changes: [],
  cell: null,
  isChosen: true,
  allTerms: false,
  tab: '',
};

const EXPLAINED_MS = 40; // after other values: then the selected cell is explained
const SETTLED_MS = 300; // without a change: then the service confirms what the page computed
const BUSY_MS = 400; // without an answer: then what is shown is marked as that of an earlier sheet
const RETRY_MS = 3000; // after a failure that may pass
// Problems of the service, and not of what it was sent.
const PASSING = ['unreachable', 'overloaded', 'draining', 'deadline-exceeded', 'too-many-requests', 'internal-error'];

/** Keeps the values and explanations that the page shows up to date with the sheet, the changes to the
 * network and the selected cell.
 *
 * Where the page has a copy of the network, it answers at once, and once nothing has changed for a
 * moment, one request to the service confirms that answer; the service's replaces a different one.
 * A request that fails puts its problem into the store, and what is shown stays.
 */
export class Requests {
  #api;
  #network;
  #store;
  #predicted;
  #inputs;
  #page = null; // what computes in the page, see `computeWith`
  #dtype; // of the service's values
  #segmented = null; // the last sheet that the service has searched for several digits
  #finished = null; // the last drawing that may be several digits and has not changed for a moment
  #settled; // the timer of the confirmation, or of another attempt

  /** @param isFirst whether `computeWith` will be called, so that the first values need not be exact. */
  constructor({ api, network, samples, store, isFirst = false }) {
    this.#dtype = isFirst ? 'float16' : 'float32';
    this.#api = api;
    this.#network = network;
    this.#inputs = new Inputs({ api, network, samples });
    this.#store = store;
    this.#predicted = new Latest((sheet) => this.#predictMarked(sheet));
    const occlude = new Latest(() =>
      this.#occlude().catch((problem) => store.set({ ...NO_OCCLUSION, occlusionProblem: problem })),
    );
    let last = store.state;
    store.watch(['sheet', 'segment', 'changes'], ({ sheet, segment, changes }) => {
      const isOther = (sheet !== last.sheet || segment !== last.segment) && changes === last.changes;
      last = store.state;
      const others = changes.filter(({ kind }) => kind !== 'pixel');
      // Changed pixels are of the digit before, unless a link has both.
      if (isOther && others.length < changes.length) store.set({ changes: others });
    });
    store.watch(['sheet'], ({ sheet }) => {
      if (this.#continues(sheet)) return;
      this.#segmented = null;
      store.set({ ...ONE_DIGIT, ...NO_GRID });
    });
    store.watch(['isGrid'], () => {
      this.#segmented = null;
    });
    store.watch(['segment'], ({ sheet, segments, segment }) => {
      if (segments) this.#inputs.keep(sheet, segments[segment].digit);
    });
    store.watch(['sheet', 'changes', 'segment', 'isGrid'], ({ sheet }) => this.#predicted.submit(sheet));
    store.watch(['cell', 'allTerms'], () => this.#explain());
    store.watch(['values', 'weights'], () => {
      // A stroke changes the values many times a second: first come the maps, then their explanation.
      clearTimeout(this.#settled);
      this.#settled = setTimeout(() => this.#explain(), EXPLAINED_MS);
    });
    store.watch(['values', 'tab'], () => occlude.submit());
  }

  /** Compute in the page from now on.
   *
   * @param page {local: a compute/local.js Local that is ready, or null for a network that the page
   *   cannot compute; prepareDrawing; explainCell; pathBelow; segments: models/segments.js}
   */
  computeWith(page) {
    this.#page = page;
    this.#dtype = 'float32';
    this.#inputs.prepareDrawing = page.prepareDrawing;
    this.#predicted.submit(this.#store.state.sheet);
  }

  /** Predict a sheet; while it takes long or fails, keep what is shown and mark it as old. */
  async #predictMarked(sheet) {
    clearTimeout(this.#settled);
    const busy = setTimeout(() => this.#store.state.values && this.#store.set({ isOld: true }), BUSY_MS);
    try {
      await this.#predict(sheet);
    } catch (problem) {
      const isPassing = PASSING.includes(problem.kind);
      this.#store.set(isPassing ? { isOld: true, problem } : { ...NOTHING, problem });
      if (isPassing) this.#settled = setTimeout(() => this.#predicted.submit(this.#store.state.sheet), RETRY_MS);
    } finally {
      clearTimeout(busy);
    }
  }

  async #predict(sheet) {
    if (isEmpty(sheet)) return this.#show(NOTHING);
    if (this.#page && this.#segmented !== sheet) {
      if (sheet.kind === 'image' || sheet === this.#finished) await this.#segment(sheet);
      else if (this.#continues(sheet)) return this.#finishLater(sheet);
    }
    const digit = this.#page?.local ? await this.#inputs.digitOf(sheet) : null;
    if (digit) return this.#compute(digit, { removed: this.#inputs.removedFrom(sheet) });
    return this.#ask(sheet);
  }

  /** Find the digits of a sheet; where there are several, show the selected one from now on. */
  async #segment(sheet) {
    const { isGrid, segments: before, segment } = this.#store.state;
    const isCurrent = () => this.#store.state.sheet === sheet && this.#store.state.isGrid === isGrid;
    const predictions = await this.#api.segments(await this.#inputs.imageOf(sheet), isGrid).catch((problem) => {
      if (problem.kind === 'nothing-drawn') return [];
      throw problem;
    });
    if (!isCurrent()) return;
    const { areSeveral, digitAt, segmentsOf } = this.#page.segments;
    const segments = segmentsOf(predictions, this.#network.input);
    const isSeveral = areSeveral(segments);
    const chosen = isSeveral ? digitAt(segments, before?.[segment].box) : null;
    this.#segmented = sheet;
    if (isSeveral) this.#inputs.keep(sheet, segments[chosen].digit);
    else this.#inputs.forget();
    this.#store.set({ ...(isSeveral ? { segments, segment: chosen } : ONE_DIGIT), hasNoGrid: isGrid && !isSeveral });
  }

  /** Whether a drawing goes on that was several digits: until it is finished, the page shows those. */
  #continues(sheet) {
    return this.#store.state.segments !== null && this.#segmented?.kind === 'strokes' && this.#isToSearch(sheet);
  }

  /** Whether a drawing may be several digits. */
  #isToSearch(sheet) {
    return sheet.kind === 'strokes' && this.#network.acceptsImages && this.#page.segments.mayBeSeveral(sheet.strokes);
  }

  /** Search a drawing for several digits, unless it changes within a moment. */
  #finishLater(sheet) {
    this.#store.set({ isOld: true });
    this.#settled = setTimeout(() => this.#finish(sheet), SETTLED_MS);
  }

  #finish(sheet) {
    this.#finished = sheet;
    return this.#predicted.submit(sheet);
  }

  /** Show what the service makes of a sheet. */
  async #ask(sheet) {
    const body = await this.#inputs.bodyOf(sheet);
    const isLocal = Boolean(this.#page?.local);
    // The requests run concurrently, because the page is to follow a stroke within 50 ms.
    const [prepared, values] = await Promise.all([
      this.#preprocess(body),
      isLocal ? null : requestValues(this.#api, this.#network, body, this.#dtype),
    ]);
    if (isEmpty(this.#store.state.sheet)) return undefined; // The sheet was cleared during the requests.
    this.#inputs.keep(sheet, prepared.digit, prepared.removed);
    if (isLocal) return this.#compute(prepared.digit, prepared);
    return this.#show({ ...prepared, values, isFamiliar: values.isFamiliar(), isOld: false, problem: null });
  }

  /** Show what the page's copy of the network, with the changes to it, computes for a digit. */
  async #compute(original, { removed }) {
    const { changes, weights } = this.#store.state;
    const { local } = this.#page;
    const digit = withPixels(original, changes);
    const others = changes.filter(({ kind }) => kind !== 'pixel');
    const [tensors, before] = await Promise.all([
      local.run(intensities(digit), others),
      changes.length ? local.run(intensities(original)) : null,
    ]);
    if (isEmpty(this.#store.state.sheet)) return undefined; // The sheet was cleared in the meantime.
    const { isFamiliar } = this.#store.state; // of the drawing before, until the service responds
    return this.#show({
      digit,
      values: new Values(this.#network, tensors),
      baseline: before && new Values(this.#network, before),
      weights: others.length ? weights.original.with(others, this.#network) : weights.original,
      isFamiliar: changes.length ? null : isFamiliar,
      isOld: false,
      problem: null,
      removed,
    });
  }

  /** Put values into the store; unless the user has selected a cell, the answer's class is selected. */
  #show(state) {
    const { isChosen, cell } = this.#store.state;
    const answer = isChosen ? cell : classCell(this.#network, state.values);
    this.#store.set({ ...state, cell: sameCell(answer, cell) ? cell : answer });
  }

  /** Explain the selected cell, where the page has the weights; the service confirms that. */
  #explain() {
    const { cell, values, allTerms } = this.#store.state;
    clearTimeout(this.#settled);
    if (!values) return this.#store.set(NO_EXPLANATION);
    const { weights } = this.#store.state;
    const { explainCell, pathBelow } = this.#page ?? {};
    if (!cell || cell.layer === DIGIT) this.#store.set(NO_EXPLANATION);
    else if (weights && explainCell) {
      const context = { ...this.#store.state, network: this.#network };
      const explanation = explainCell(cell, context, this.#termLimit(cell, allTerms));
      this.#store.set({ ...NO_EXPLANATION, explanation, path: pathBelow(cell, context) });
    }
    this.#settled = setTimeout(() => this.#confirm(), SETTLED_MS);
    return undefined;
  }

  #termLimit(cell, allTerms) {
    return allTerms ? null : this.#network.find(cell.layer).kind.termLimit;
  }

  /** Ask the service about what is shown; where it has another answer, show its values. */
  async #confirm() {
    const { sheet, values, cell, changes, allTerms } = this.#store.state;
    if (!values || !this.#page) return;
    if (this.#segmented !== sheet && this.#isToSearch(sheet)) return void (await this.#finish(sheet));
    if (changes.length) return; // The service has no network with changes.
    const isCurrent = () => this.#store.state.sheet === sheet && this.#store.state.values === values;
    try {
      const body = await this.#inputs.bodyOf(sheet);
      const isExplained = cell && cell.layer !== DIGIT;
      const response = isExplained
        ? await this.#api.explain(body, cell, this.#termLimit(cell, allTerms))
        : { predictions: [await this.#api.top(body, 1)] };
      if (!isCurrent()) return;
      const [prediction] = response.predictions;
      const isKept = this.#inputs.has(sheet); // the service's own digit
      const isSame = !this.#network.hasClasses || prediction.label === values.ranking()[0].label;
      if (!isKept && !(isSame && !prediction.preprocessing.removed.length)) return void (await this.#ask(sheet));
      this.#store.set({ isFamiliar: prediction.in_distribution ?? null, problem: null });
      if (isExplained && sameCell(this.#store.state.cell, cell)) {
        this.#store.set({ explanation: { ...response.explanation, isConfirmed: true }, explanationProblem: null });
      }
    } catch (problem) {
      if (!isCurrent()) return;
      if (!PASSING.includes(problem.kind)) return void this.#store.set({ ...NOTHING, problem });
      this.#store.set({ problem });
      this.#settled = setTimeout(() => this.#confirm(), RETRY_MS);
    }
  }

  /** Return the digit that the service makes of an image, and what it removed. */
  async #preprocess(body) {
    if (body.digit) return { digit: body.digit, removed: null };
    const { pixels, removed } = await this.#api.preprocess(body);
    return {
      digit: { ...this.#network.input, pixels },
      removed: removed.length ? { names: removed, image: body } : null,
    };
  }

  /** Return all values for a digit, without changes to the network. */
  async valuesOf(digit) {
    const { local } = this.#page ?? {};
    if (!local) return requestValues(this.#api, this.#network, this.#api.body(digit));
    return new Values(this.#network, await local.run(intensities(digit)));
  }

  async #occlude() {
    const { digit, values, tab, changes } = this.#store.state;
    if (tab !== 'evidence' || !values || changes.length) return this.#store.set(NO_OCCLUSION);
    const { occlusion } = await this.#api.occlusion(digit);
    return this.#store.state.digit === digit && this.#store.set({ ...NO_OCCLUSION, occlusion });
  }
}
