import { el, number } from '../lib/dom.js';
import { percent } from '../lib/numbers.js';
import { t } from '../lib/i18n.js';
import { told } from './refusal.js';

const REST_MS = 600; // a screen reader hears the answer once the stroke rests

/** What it is, how sure; or why there is no answer. */
export class Answer {
  #root;
  #store;
  #ask;
  #timer;

  constructor(root, { store, ask }) {
    this.#root = root;
    this.#store = store;
    this.#ask = ask;
    store.watch(['values', 'problem', 'lang'], (state) => this.#draw(state));
  }

  #draw({ values, problem }) {
    clearTimeout(this.#timer);
    if (problem) return this.#say(t('answer.problem'), told(problem));
    if (!values) return this.#say(t('answer.empty'), t('answer.invite'));
    const [first, second] = values.ranking();
    const unfamiliar = values.isFamiliar() === false;
    this.#root.replaceChildren(
      el('output', { class: 'label', 'aria-label': t('answer.name') }, first.label),
      number(first.probability, percent(first.probability), { class: 'confidence' }),
      el(
        'p',
        { class: 'soft' },
        t('answer.second', { label: second.label, confidence: percent(second.probability) }),
      ),
      ...(unfamiliar ? [el('p', { class: 'warning' }, t('answer.unfamiliar'))] : []),
      el(
        'button',
        { type: 'button', onclick: () => this.#ask(first.index) },
        t('answer.why', { label: first.label }),
      ),
    );
    const said = t('answer.said', { label: first.label, confidence: percent(first.probability) });
    return this.#announce(said);
  }

  #say(title, text) {
    this.#root.replaceChildren(el('p', { class: 'none' }, title), el('p', { class: 'soft' }, text));
    this.#announce(`${title} ${text}`);
  }

  /** Not to who has gone on to the lab meanwhile: it has words of its own. */
  #announce(said) {
    this.#timer = setTimeout(() => {
      if (!this.#root.closest('[hidden]')) this.#store.set({ said });
    }, REST_MS);
  }
}
