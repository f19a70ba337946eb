import { el, number } from '../lib/dom.js';
import { percent } from '../lib/numbers.js';
import { t } from '../lib/i18n.js';
import { problemText } from './problem.js';

const ANNOUNCEMENT_DELAY_MS = 600; // Screen readers announce the prediction once drawing pauses.

/** The predicted label and its confidence, or why there is no prediction. */
export class Prediction {
  #root;
  #store;
  #openClass;
  #timer;

  constructor(root, { store, openClass }) {
    this.#root = root;
    this.#store = store;
    this.#openClass = openClass;
    store.watch(['values', 'isFamiliar', 'isOld', 'problem', 'lang'], (state) => this.#draw(state));
  }

  #draw({ values, isFamiliar, isOld, problem }) {
    clearTimeout(this.#timer);
    this.#root.setAttribute('aria-busy', String(isOld));
    if (problem && !values) return this.#drawReason(t('answer.problem'), problemText(problem));
    if (!values) return this.#drawReason(t('answer.empty'), t('answer.invite'));
    const [first, second] = values.ranking();
    this.#root.replaceChildren(
      el('output', { class: 'label', 'aria-label': t('answer.name') }, first.label),
      number(first.probability, percent(first.probability), { class: 'confidence' }),
      el(
        'p',
        { class: 'soft' },
        t('answer.second', { label: second.label, confidence: percent(second.probability) }),
      ),
      ...(isOld ? [el('p', { class: 'soft old' }, t('answer.old'))] : []),
      ...(problem ? [el('p', { class: 'warning' }, `${problemText(problem)} ${t('answer.retry')}`)] : []),
      ...(isFamiliar === false ? [el('p', { class: 'warning' }, t('answer.unfamiliar'))] : []),
      el(
        'button',
        { type: 'button', onclick: () => this.#openClass(first.index) },
        t('answer.why', { label: first.label }),
      ),
    );
    const confidence = percent(first.probability);
    return this.#announce(t('answer.announcement', { label: first.label, confidence }));
  }

  #drawReason(title, text) {
    this.#root.replaceChildren(el('p', { class: 'none' }, title), el('p', { class: 'soft' }, text));
    this.#announce(`${title} ${text}`);
  }

  /** Announce the prediction unless the lab is shown by then, which has its own announcements. */
  #announce(announcement) {
    this.#timer = setTimeout(() => {
      if (!this.#root.closest('[hidden]')) this.#store.set({ announcement });
    }, ANNOUNCEMENT_DELAY_MS);
  }
}
