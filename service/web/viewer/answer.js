import { el, number } from '../lib/dom.js';
import { t } from '../lib/i18n.js';
import { percent } from '../lib/numbers.js';
import { problemNote } from '../parts/problem.js';
import { searchLabels } from './layers.js';

const [TOP, MOST] = [5, 50]; // labels: the most probable ones, and of a search
const SEARCHABLE = 10; // labels: more can be searched

/** The most probable labels with bars, or those that a text finds; a pinned label stays in the list. */
export class Answer {
  #store;
  #labels;
  #title = el('h3', { id: 'predicted-title' });
  #field = el('input', { type: 'search', oninput: () => this.#draw() });
  #matches = el('p', { class: 'soft', role: 'status' });
  #list = el('div', { class: 'predicted' });

  /** @param labels of the model. */
  constructor(root, { store, labels }) {
    this.#store = store;
    this.#labels = labels;
    this.#field.hidden = this.#matches.hidden = labels.length <= SEARCHABLE;
    root.append(this.#title, this.#list, this.#field, this.#matches);
    store.watch(['prediction', 'predictionProblem', 'pinned', 'lang'], () => this.#draw());
    store.watch(['picture', 'predicted'], ({ picture, predicted }) => {
      this.#list.setAttribute('aria-busy', String(picture !== predicted));
    });
    store.watch(['prediction'], ({ prediction }) => {
      if (!prediction) return;
      const { label, confidence } = prediction;
      store.set({ announcement: t('viewer.predicted', { label, confidence: percent(confidence) }) });
    });
  }

  #draw() {
    const { prediction, predictionProblem } = this.#store.state;
    this.#title.textContent = t('viewer.prediction');
    this.#field.placeholder = t('viewer.labels.search', { count: this.#labels.length.toLocaleString('en') });
    this.#field.setAttribute('aria-label', this.#field.placeholder);
    this.#matches.textContent = '';
    if (predictionProblem) return this.#list.replaceChildren(problemNote(predictionProblem));
    if (!prediction) return this.#list.replaceChildren(el('p', { class: 'soft' }, t('viewer.no-prediction')));
    const focused = document.activeElement?.dataset?.label;
    this.#list.replaceChildren(el('ol', {}, ...this.#shown(prediction).map((each) => this.#row(each))));
    if (prediction.in_distribution === false) {
      this.#list.append(el('p', { class: 'warning' }, t('answer.unfamiliar')));
    }
    if (focused)
      [...this.#list.querySelectorAll('button')].find(({ dataset }) => dataset.label === focused)?.focus();
    return undefined;
  }

  /** Return the labels to list, [{label, probability, rank}], the most probable first. */
  #shown({ probabilities }) {
    const ranked = Object.entries(probabilities)
      .toSorted(([, a], [, b]) => b - a)
      .map(([label, probability], index) => ({ label, probability, rank: index + 1 }));
    const text = this.#field.value;
    if (text.trim()) {
      const found = searchLabels(ranked, text);
      this.#matches.textContent = t('viewer.labels.matches', {
        count: found.length,
        all: ranked.length.toLocaleString('en'),
      });
      return found.slice(0, MOST);
    }
    const { pinned } = this.#store.state;
    return ranked.filter(({ label, rank }) => rank <= TOP || label === pinned);
  }

  #row({ label, probability, rank }) {
    const isPinned = label === this.#store.state.pinned;
    return el(
      'li',
      {},
      el(
        'button',
        {
          type: 'button',
          'data-label': label,
          title: label,
          'aria-pressed': String(isPinned),
          onclick: () => this.#store.set({ pinned: isPinned ? null : label }),
        },
        el('span', { class: 'label' }, rank > TOP ? `${rank}. ${label}` : label),
        number(probability, percent(probability)),
        el('i', { 'aria-hidden': 'true', style: `--share: ${probability}` }),
      ),
    );
  }
}
