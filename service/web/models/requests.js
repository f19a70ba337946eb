import { Latest } from '../lib/latest.js';
import { encodeGrey } from '../lib/png.js';
import { prepareDrawing } from '../prepare/prepare.js';
import { typeOf } from './files.js';
import { intensities, randomDigit, shrink } from './pixels.js';
import { isEmpty } from './sheet.js';
import { Raster } from './strokes.js';
import { DIGIT } from './network.js';
import { sameCell } from './trail.js';
import { layersToRequestPost, Values } from './values.js';

const NO_EXPLANATION = { explanation: null, explanationProblem: null };
const NO_OCCLUSION = { occlusion: null, occlusionProblem: null };
const NOTHING = {
  digit: null,
  values: null,
  isFamiliar: null,
  isOld: false,
  problem: null,
  removed: null,
  ...NO_EXPLANATION,
  ...NO_OCCLUSION,
};
const SETTLED_MS = 300; // without a change: then the service confirms what the page computed
const BUSY_MS = 400; // without an answer: then what is shown is marked as that of an earlier sheet
const RETRY_MS = 3000; // after a failure that may pass
// Problems of the service, and not of what it was sent.
const PASSING = ['unreachable', 'overloaded', 'draining', 'deadline-exceeded', 'too-many-requests', 'internal-error'];

/** Requests what the page shows of the network whenever the sheet or the selected cell changes.
 * A request that fails puts its problem into the store, and the other requests are unaffected.
 *
 * Where the page has a copy of the network and can prepare the sheet itself, it answers at once; the
 * service confirms that once the sheet is settled, and replaces it where it finds something else.
 */
export class Requests {
  #api;
  #local;
  #network;
  #samples;
  #store;
  #predicted;
  #raster = new Raster();
  #settled; // the timer of the confirmation, or of another attempt

  /** @param local a compute/local.js Local; null where only the service answers. */
  constructor({ api, network, samples, store, local = null }) {
    this.#api = api;
    this.#local = local;
    this.#network = network;
    this.#samples = samples;
    this.#store = store;
    const failWith = (name, without) => (problem) => store.set({ ...without, [name]: problem });
    this.#predicted = new Latest((sheet) => this.#predictMarked(sheet));
    const explain = new Latest(() => this.#explain().catch(failWith('explanationProblem', NO_EXPLANATION)));
    const occlude = new Latest(() => this.#occlude().catch(failWith('occlusionProblem', NO_OCCLUSION)));
    store.watch(['sheet'], ({ sheet }) => this.#predicted.submit(sheet));
    store.watch(['cell', 'values', 'allTerms'], () => explain.submit());
    store.watch(['values', 'showsOcclusion'], () => occlude.submit());
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
    if (isEmpty(sheet)) return this.#store.set(NOTHING);
    const digit = this.#local?.isReady ? await this.#digitOf(sheet) : null;
    if (!digit) return this.#ask(await this.#bodyOf(sheet));
    const values = new Values(this.#network, await this.#local.run(intensities(digit)));
    if (isEmpty(this.#store.state.sheet)) return undefined; // The sheet was cleared in the meantime.
    const { isFamiliar } = this.#store.state; // of the drawing before, until the service responds
    this.#store.set({ digit, values, isFamiliar, isOld: false, removed: null, problem: null });
    this.#settled = setTimeout(() => this.#confirm(sheet, values), SETTLED_MS);
    return undefined;
  }

  /** Show what the service computes of an image or digit. */
  async #ask(body) {
    // The requests run concurrently, because the page is to follow a stroke within 50 ms.
    const [prepared, tensors] = await Promise.all([this.#preprocess(body), this.#values(body)]);
    if (isEmpty(this.#store.state.sheet)) return undefined; // The sheet was cleared during the requests.
    const values = new Values(this.#network, tensors);
    const isFamiliar = values.isFamiliar();
    return this.#store.set({ ...prepared, values, isFamiliar, isOld: false, problem: null });
  }

  /** Ask the service for its prediction of a settled sheet; where it has another, show its values. */
  async #confirm(sheet, values) {
    const isCurrent = () => this.#store.state.sheet === sheet && this.#store.state.values === values;
    try {
      const body = await this.#bodyOf(sheet);
      const prediction = await this.#api.top(body, 1);
      if (!isCurrent()) return;
      const isSame = prediction.label === values.ranking()[0].label && !prediction.preprocessing.removed.length;
      if (isSame) this.#store.set({ isFamiliar: prediction.in_distribution, problem: null });
      else await this.#ask(body);
    } catch (problem) {
      if (!isCurrent()) return;
      if (!PASSING.includes(problem.kind)) return void this.#store.set({ ...NOTHING, problem });
      this.#store.set({ problem });
      this.#settled = setTimeout(() => this.#confirm(sheet, values), RETRY_MS);
    }
  }

  /** Return the digit of a sheet; null where only the service can prepare it. */
  async #digitOf(sheet) {
    const { input, acceptsImages } = this.#network;
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
        const drawing = prepareDrawing(raster);
        return drawing && !drawing.isUncertain ? { ...input, pixels: drawing.digit } : null;
      }
      default:
        throw new RangeError(`Unknown kind of sheet "${sheet.kind}".`);
    }
  }

  /** Return the request body for a sheet: {type, content}, and `digit` where it needs no preprocessing. */
  async #bodyOf(sheet) {
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

  async #values(body) {
    const post = layersToRequestPost(this.#network)
      .map(({ name }) => name)
      .join(',');
    return Object.assign(
      {},
      ...(await Promise.all([
        this.#api.activations(body, 'all', 'pre'),
        ...(post ? [this.#api.activations(body, post, 'post')] : []),
      ])),
    );
  }

  async #explain() {
    const { cell, values, digit, allTerms } = this.#store.state;
    if (!cell || !values || cell.layer === DIGIT) return this.#store.set(NO_EXPLANATION);
    const top = allTerms ? null : this.#network.find(cell.layer).kind.termLimit;
    const { explanation } = await this.#api.explain(digit, cell, top);
    const now = this.#store.state;
    if (now.values && sameCell(now.cell, cell)) this.#store.set({ ...NO_EXPLANATION, explanation });
    return undefined;
  }

  async #occlude() {
    const { digit, values, showsOcclusion } = this.#store.state;
    if (!showsOcclusion || !values) return this.#store.set(NO_OCCLUSION);
    const { occlusion } = await this.#api.occlusion(digit);
    if (this.#store.state.showsOcclusion) this.#store.set({ ...NO_OCCLUSION, occlusion });
    return undefined;
  }
}
