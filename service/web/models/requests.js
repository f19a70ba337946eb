import { Latest } from '../lib/latest.js';
import { encodeGrey } from '../lib/png.js';
import { DIGIT } from './network.js';
import { intensities, randomDigit, shrink, withPixels } from './pixels.js';
import { isEmpty, typeOf } from './sheet.js';
import { Raster } from './strokes.js';
import { classCell, sameCell } from './trail.js';
import { layersToRequestPost, Values } from './values.js';

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
/** The state that `Requests` keeps and reads, besides the sheet: with a cell that the user selects. */
export const REQUESTED = { ...NOTHING, changes: [], cell: null, isChosen: true, allTerms: false, tab: '' };

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
  #samples;
  #store;
  #predicted;
  #raster = new Raster();
  #prepared = {}; // the last sheet that the service has prepared: {sheet, digit, removed}
  #page = null; // what computes in the page, see `computeWith`
  #dtype; // of the service's values
  #settled; // the timer of the confirmation, or of another attempt

  /** @param isFirst whether `computeWith` will be called, so that the first values need not be exact. */
  constructor({ api, network, samples, store, isFirst = false }) {
    this.#dtype = isFirst ? 'float16' : 'float32';
    this.#api = api;
    this.#network = network;
    this.#samples = samples;
    this.#store = store;
    this.#predicted = new Latest((sheet) => this.#predictMarked(sheet));
    const occlude = new Latest(() =>
      this.#occlude().catch((problem) => store.set({ ...NO_OCCLUSION, occlusionProblem: problem })),
    );
    let last = store.state;
    store.watch(['sheet', 'changes'], ({ sheet, changes }) => {
      const isOther = sheet !== last.sheet && changes === last.changes;
      last = store.state;
      const others = changes.filter(({ kind }) => kind !== 'pixel');
      // Changed pixels are of the digit before, unless a link has both.
      if (isOther && others.length < changes.length) store.set({ changes: others });
    });
    store.watch(['sheet', 'changes'], ({ sheet }) => this.#predicted.submit(sheet));
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
   *   cannot compute; prepareDrawing; explainCell; pathBelow}
   */
  computeWith(page) {
    this.#page = page;
    this.#dtype = 'float32';
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
    const digit = this.#page?.local ? await this.#digitOf(sheet) : null;
    if (digit) return this.#compute(digit, this.#prepared.sheet === sheet ? this.#prepared : { removed: null });
    return this.#ask(sheet);
  }

  /** Show what the service makes of a sheet. */
  async #ask(sheet) {
    const body = await this.#bodyOf(sheet);
    const isLocal = Boolean(this.#page?.local);
    // The requests run concurrently, because the page is to follow a stroke within 50 ms.
    const [prepared, tensors] = await Promise.all([
      this.#preprocess(body),
      isLocal ? null : this.#activations(body),
    ]);
    if (isEmpty(this.#store.state.sheet)) return undefined; // The sheet was cleared during the requests.
    this.#prepared = { sheet, ...prepared };
    if (isLocal) return this.#compute(prepared.digit, prepared);
    const values = new Values(this.#network, tensors);
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
    if (!values || !this.#page || changes.length) return; // The service has no network with changes.
    const isCurrent = () => this.#store.state.sheet === sheet && this.#store.state.values === values;
    try {
      const body = await this.#bodyOf(sheet);
      const isExplained = cell && cell.layer !== DIGIT;
      const response = isExplained
        ? await this.#api.explain(body, cell, this.#termLimit(cell, allTerms))
        : { predictions: [await this.#api.top(body, 1)] };
      if (!isCurrent()) return;
      const [prediction] = response.predictions;
      const isPrepared = this.#prepared.sheet === sheet || !prediction.preprocessing.removed.length;
      const isSame = !this.#network.hasClasses || prediction.label === values.ranking()[0].label;
      if (this.#prepared.sheet !== sheet && !(isPrepared && isSame)) return void (await this.#ask(sheet));
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

  /** Return the digit of a sheet; null where only the service can prepare it. */
  async #digitOf(sheet) {
    const { input, acceptsImages } = this.#network;
    if (this.#prepared.sheet === sheet) return this.#prepared.digit;
    switch (sheet.kind) {
      case 'sample':
        return { ...input, pixels: await this.#samples.pixels(sheet.index) };
      case 'random':
        return randomDigit(input, sheet.seed);
      case 'array':
        return { ...input, pixels: sheet.pixels };
      case 'image':
        return null;
      case 'strokes': {
        const raster = this.#raster.of(sheet.strokes);
        if (!acceptsImages) return shrink(raster, input);
        const drawing = this.#page?.prepareDrawing(raster);
        return drawing && !drawing.isUncertain ? { ...input, pixels: drawing.digit } : null;
      }
      default:
        throw new RangeError(`Unknown kind of sheet "${sheet.kind}".`);
    }
  }

  /** Return the request body for a sheet: {type, content}, and `digit` where it needs no preprocessing. */
  async #bodyOf(sheet) {
    if (this.#prepared.sheet === sheet) {
      return { ...this.#api.body(this.#prepared.digit), digit: this.#prepared.digit };
    }
    if (sheet.kind === 'image') return { type: typeOf(sheet.blob), content: sheet.blob };
    if (sheet.kind === 'strokes' && this.#network.acceptsImages) {
      const { pixels, width, height } = this.#raster.of(sheet.strokes);
      return { type: 'image/png', content: await encodeGrey(pixels, width, height) };
    }
    const digit = await this.#digitOf(sheet);
    return { ...this.#api.body(digit), digit };
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

  async #activations(body) {
    const post = layersToRequestPost(this.#network)
      .map(({ name }) => name)
      .join(',');
    return Object.assign(
      {},
      ...(await Promise.all([
        this.#api.activations(body, 'all', 'pre', this.#dtype),
        ...(post ? [this.#api.activations(body, post, 'post', this.#dtype)] : []),
      ])),
    );
  }

  async #occlude() {
    const { digit, values, tab, changes } = this.#store.state;
    if (tab !== 'evidence' || !values || changes.length) return this.#store.set(NO_OCCLUSION);
    const { occlusion } = await this.#api.occlusion(digit);
    if (this.#store.state.digit === digit) this.#store.set({ ...NO_OCCLUSION, occlusion });
    return undefined;
  }
}
