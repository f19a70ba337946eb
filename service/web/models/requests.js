import { Latest } from '../lib/latest.js';
import { encodeGrey } from '../lib/png.js';
import { typeOf } from './files.js';
import { randomDigit, shrink } from './pixels.js';
import { isEmpty } from './sheet.js';
import { rasterise } from './strokes.js';
import { DIGIT } from './network.js';
import { sameCell } from './trail.js';
import { layersToRequestPost, Values } from './values.js';

const NO_EXPLANATION = { explanation: null, explanationProblem: null };
const NO_OCCLUSION = { occlusion: null, occlusionProblem: null };
const NOTHING = { digit: null, values: null, problem: null, removed: null, ...NO_EXPLANATION, ...NO_OCCLUSION };

/** Requests what the page shows of the network whenever the sheet or the selected cell changes.
 * A request that fails puts its problem into the store, and the other requests are unaffected.
 */
export class Requests {
  #api;
  #network;
  #samples;
  #store;

  constructor({ api, network, samples, store }) {
    this.#api = api;
    this.#network = network;
    this.#samples = samples;
    this.#store = store;
    const failWith = (name, without) => (problem) => store.set({ ...without, [name]: problem });
    const predict = new Latest((sheet) => this.#predict(sheet).catch(failWith('problem', NOTHING)));
    const explain = new Latest(() => this.#explain().catch(failWith('explanationProblem', NO_EXPLANATION)));
    const occlude = new Latest(() => this.#occlude().catch(failWith('occlusionProblem', NO_OCCLUSION)));
    store.watch(['sheet'], ({ sheet }) => predict.submit(sheet));
    store.watch(['cell', 'values', 'allTerms'], () => explain.submit());
    store.watch(['values', 'showsOcclusion'], () => occlude.submit());
  }

  async #predict(sheet) {
    if (isEmpty(sheet)) return this.#store.set(NOTHING);
    const body = await this.#bodyOf(sheet);
    // The requests run concurrently, because the page is to follow a stroke within 50 ms.
    const [prepared, tensors] = await Promise.all([this.#preprocess(body), this.#values(body)]);
    if (isEmpty(this.#store.state.sheet)) return undefined; // The sheet was cleared during the requests.
    return this.#store.set({ ...prepared, values: new Values(this.#network, tensors), problem: null });
  }

  /** Return the request body for a sheet: {type, content}, and `digit` where it needs no preprocessing. */
  async #bodyOf(sheet) {
    const { input, acceptsImages } = this.#network;
    const bodyOfDigit = (digit) => ({ ...this.#api.body(digit), digit });
    switch (sheet.kind) {
      case 'sample':
        return bodyOfDigit({ ...input, pixels: await this.#samples.pixels(sheet.index) });
      case 'random':
        return bodyOfDigit(randomDigit(input, sheet.seed));
      case 'array':
        return bodyOfDigit({ ...input, pixels: sheet.pixels });
      case 'image':
        return { type: typeOf(sheet.blob), content: sheet.blob };
      case 'strokes': {
        const raster = rasterise(sheet.strokes);
        if (!acceptsImages) return bodyOfDigit(shrink(raster, input));
        return { type: 'image/png', content: await encodeGrey(raster.pixels, raster.width, raster.height) };
      }
      default:
        throw new RangeError(`Unknown kind of sheet "${sheet.kind}".`);
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
