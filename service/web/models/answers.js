import { Latest } from '../lib/latest.js';
import { encodeGrey } from '../lib/png.js';
import { randomDigit, shrink } from './pixels.js';
import { isEmpty } from './sheet.js';
import { rasterise } from './strokes.js';
import { DIGIT } from './network.js';
import { sameCell } from './trail.js';
import { asksForPost, Values } from './values.js';

const DENSE_TERMS = 64; // listed at first; the rest is one sum until asked for
const NO_EXPLANATION = { explanation: null, explanationProblem: null };
const NO_OCCLUSION = { occlusion: null, occlusionProblem: null };
const NOTHING = { digit: null, values: null, problem: null, ...NO_EXPLANATION, ...NO_OCCLUSION };

/** Keeps what the page shows of the network true to what lies on the paper and what is selected.
 * Whatever the service refuses is said on the page, and the rest of it goes on.
 */
export class Answers {
  #api;
  #network;
  #samples;
  #store;

  constructor({ api, network, samples, store }) {
    this.#api = api;
    this.#network = network;
    this.#samples = samples;
    this.#store = store;
    const refused = (name, without) => (problem) => store.set({ ...without, [name]: problem });
    const look = new Latest((sheet) => this.#look(sheet).catch(refused('problem', NOTHING)));
    const explain = new Latest(() => this.#explain().catch(refused('explanationProblem', NO_EXPLANATION)));
    const occlude = new Latest(() => this.#occlude().catch(refused('occlusionProblem', NO_OCCLUSION)));
    store.watch(['sheet'], ({ sheet }) => look.submit(sheet));
    store.watch(['cell', 'values', 'allTerms'], () => explain.submit());
    store.watch(['values', 'evidence'], () => occlude.submit());
  }

  async #look(sheet) {
    if (isEmpty(sheet)) return this.#store.set(NOTHING);
    const question = await this.#question(sheet);
    // at the same time: asking for the digit first would double the way from stroke to picture
    const [digit, tensors] = await Promise.all([
      question.digit ?? this.#seen(question),
      this.#values(question),
    ]);
    if (isEmpty(this.#store.state.sheet)) return undefined; // cleared meanwhile
    return this.#store.set({ digit, values: new Values(this.#network, tensors), problem: null });
  }

  /** What is sent: {type, content} of a picture, or of a digit that is ready, with the digit. */
  async #question(sheet) {
    const { input, takesPictures } = this.#network;
    const ready = (digit) => ({ ...this.#api.body(digit), digit });
    switch (sheet.kind) {
      case 'sample':
        return ready({ ...input, pixels: await this.#samples.pixels(sheet.index) });
      case 'random':
        return ready(randomDigit(input, sheet.seed));
      case 'array':
        return ready({ ...input, pixels: sheet.pixels });
      case 'picture':
        return { type: typeOf(sheet.blob), content: sheet.blob };
      default: {
        const raster = rasterise(sheet.strokes);
        if (!takesPictures) return ready(shrink(raster, input));
        return { type: 'image/png', content: await encodeGrey(raster.pixels, raster.width, raster.height) };
      }
    }
  }

  /** The digit that the service makes of a picture. */
  async #seen(picture) {
    return { ...this.#network.input, pixels: await this.#api.preprocess(picture) };
  }

  async #values(question) {
    const post = asksForPost(this.#network)
      .map(({ name }) => name)
      .join(',');
    return Object.assign(
      {},
      ...(await Promise.all([
        this.#api.activations(question, 'all', 'pre'),
        ...(post ? [this.#api.activations(question, post, 'post')] : []),
      ])),
    );
  }

  async #explain() {
    const { cell, values, digit, allTerms } = this.#store.state;
    if (!cell || !values || cell.layer === DIGIT) return this.#store.set(NO_EXPLANATION);
    const isDense = this.#network.find(cell.layer).kind === 'Dense';
    const top = isDense && !allTerms ? DENSE_TERMS : null;
    const { explanation } = await this.#api.explain(digit, cell, top);
    const now = this.#store.state;
    if (now.values && sameCell(now.cell, cell)) this.#store.set({ ...NO_EXPLANATION, explanation });
    return undefined;
  }

  async #occlude() {
    const { digit, values, evidence } = this.#store.state;
    if (!evidence || !values) return this.#store.set(NO_OCCLUSION);
    const { occlusion } = await this.#api.occlusion(digit);
    if (this.#store.state.evidence) this.#store.set({ ...NO_OCCLUSION, occlusion });
    return undefined;
  }
}

/** What a file says it is; whatever is no picture is sent as bytes, and not taken for JSON or a form. */
function typeOf({ type }) {
  return type.startsWith('image/') ? type : 'application/octet-stream';
}
