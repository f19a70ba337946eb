import { el, number } from '../lib/dom.js';
import { t } from '../lib/i18n.js';
import { percent } from '../lib/numbers.js';
import { problemNote } from '../parts/problem.js';

/** The most probable classes with bars, or why there is no prediction. */
export class Predicted {
  #node = el('div', { class: 'predicted' });
  #title = el('h2', {});
  #store;

  constructor(root, { store }) {
    this.#store = store;
    root.append(this.#title, this.#node);
    store.watch(['prediction', 'predictionProblem', 'lang'], (state) => this.#draw(state));
  }

  #draw({ prediction, predictionProblem }) {
    this.#title.textContent = t('viewer.prediction');
    if (predictionProblem) return this.#node.replaceChildren(problemNote(predictionProblem));
    if (!prediction) {
      return this.#node.replaceChildren(el('p', { class: 'soft' }, t('viewer.no-prediction')));
    }
    const { label, confidence, probabilities } = prediction;
    this.#node.replaceChildren(el('ol', {}, ...Object.entries(probabilities).map(row)));
    if (prediction.in_distribution === false) {
      this.#node.append(el('p', { class: 'warning' }, t('answer.unfamiliar')));
    }
    const announcement = t('viewer.predicted', { label, confidence: percent(confidence) });
    return this.#store.set({ announcement });
  }
}

function row([label, probability]) {
  return el(
    'li',
    {},
    el('span', { class: 'label', title: label }, label),
    number(probability, percent(probability)),
    el('i', { 'aria-hidden': 'true', style: `--share: ${probability}` }),
  );
}
