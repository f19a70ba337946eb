import { Latest } from '../lib/latest.js';
import { isDrawable } from './layers.js';

const TOP = 5; // classes

/** Requests the prediction and the atlas whenever the picture or the shown layer changes. */
export class ViewerRequests {
  #api;
  #store;

  constructor({ api, store }) {
    this.#api = api;
    this.#store = store;
    const predict = new Latest((state) => this.#predict(state));
    const draw = new Latest((state) => this.#draw(state));
    store.watch(['picture'], (state) => predict.submit(state));
    store.watch(['picture', 'layer', 'stage', 'scale', 'page'], (state) => draw.submit(state));
  }

  async #predict({ picture }) {
    if (!picture) return this.#store.set({ prediction: null, predictionProblem: null });
    try {
      const prediction = await this.#api.top(picture.body, TOP);
      return this.#store.set({ prediction, predictionProblem: null });
    } catch (predictionProblem) {
      return this.#store.set({ prediction: null, predictionProblem });
    }
  }

  async #draw({ picture, layer, stage, scale, page }) {
    if (!picture || !isDrawable(layer)) return this.#store.set({ atlas: null, atlasProblem: null });
    const drawing = { layer: layer.name, stage: layer.hasOwnPre ? stage : 'post', scale, page };
    try {
      const atlas = await this.#api.atlas(picture.body, drawing);
      return this.#store.set({ atlas, atlasProblem: null });
    } catch (atlasProblem) {
      return this.#store.set({ atlas: null, atlasProblem });
    }
  }
}
