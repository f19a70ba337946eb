import { Latest } from '../lib/latest.js';
import { isDrawable } from './layers.js';

const TERMS = 5; // of a sum, the largest

/** Requests the prediction, the atlas and the explanation of a cell whenever what they are about changes. */
export class ViewerRequests {
  #api;
  #store;

  constructor({ api, store }) {
    this.#api = api;
    this.#store = store;
    const predict = new Latest((state) => this.#predict(state));
    const draw = new Latest((state) => this.#draw(state));
    const explain = new Latest((state) => this.#explain(state));
    store.watch(['picture'], (state) => predict.submit(state));
    store.watch(['picture', 'layer', 'stage', 'scale', 'order', 'page'], (state) => draw.submit(state));
    store.watch(['picture', 'cell'], (state) => explain.submit(state));
  }

  async #predict({ picture }) {
    if (!picture) return this.#store.set({ prediction: null, predicted: null });
    try {
      const prediction = await this.#api.top(picture.body);
      return this.#store.set({ prediction, predicted: picture, predictionProblem: null });
    } catch (predictionProblem) {
      return this.#store.set({ prediction: null, predicted: picture, predictionProblem });
    }
  }

  async #draw({ picture, layer, stage, scale, order, page }) {
    if (!picture || !isDrawable(layer)) return this.#store.set({ atlas: null, atlasProblem: null });
    const drawing = { layer: layer.name, stage: layer.hasOwnPre ? stage : 'post', scale, order, page };
    try {
      const atlas = await this.#api.atlas(picture.body, drawing);
      return this.#store.set({ atlas: { ...atlas, order, picture }, atlasProblem: null });
    } catch (atlasProblem) {
      return this.#store.set({ atlas: null, atlasProblem });
    }
  }

  async #explain({ picture, cell }) {
    if (!picture || !cell) return this.#store.set({ explanation: null, explanationProblem: null });
    try {
      const explanation = await this.#api.explainOne(picture.body, cell, TERMS);
      return this.#store.set({ explanation, explanationProblem: null });
    } catch (explanationProblem) {
      return this.#store.set({ explanation: null, explanationProblem });
    }
  }
}
