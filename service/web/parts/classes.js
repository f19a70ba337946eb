import { el, number } from '../lib/dom.js';
import { exact, percent, short } from '../lib/numbers.js';
import { t } from '../lib/i18n.js';
import { facts } from './facts.js';

/** The last layer: every class with its probability and its logit; each can be asked why. */
export class Classes {
  #network;
  #store;
  #open;
  #head = el('header', {});
  #list = el('ol', { class: 'classes' });

  constructor({ store, network, open }) {
    this.#network = network;
    this.#store = store;
    this.#open = open;
    this.node = el(
      'section',
      { class: 'column wide', 'data-layer': network.last.name },
      this.#head,
      this.#list,
    );
    store.watch(['lang'], () => this.#head.replaceChildren(...facts(network, network.last)));
    store.watch(['values', 'cell', 'lang'], (state) => this.#draw(state));
  }

  #draw({ values, cell }) {
    const focused = [...this.#list.querySelectorAll('button')].indexOf(document.activeElement);
    const { labels } = this.#network;
    const ranking = values?.ranking() ?? labels.map((label, index) => ({ index, label }));
    const rows = ranking.toSorted((a, b) => a.index - b.index).map((row) => this.#row(row, ranking[0], cell));
    this.#list.replaceChildren(
      el(
        'li',
        { class: 'soft heads', 'aria-hidden': 'true' },
        el('span', {}),
        el('span', {}, t('classes.probability')),
        el('span', {}, t('classes.logit')),
      ),
      ...rows,
    );
    this.#list.querySelectorAll('button')[focused]?.focus();
  }

  #row({ index, label, probability, logit }, first, cell) {
    const { last } = this.#network;
    const selected = cell?.layer === last.name && cell.channel === index;
    const known = probability !== undefined;
    const button = el(
      'button',
      {
        type: 'button',
        disabled: !known,
        'aria-pressed': String(selected),
        class: first.index === index && known ? 'first' : null,
        onclick: () => this.#open({ layer: last.name, channel: index }),
      },
      el('b', {}, label),
      el(
        'span',
        { class: 'share' },
        el('i', { style: `--share: ${known ? probability : 0}` }),
        known ? number(probability, percent(probability)) : '–',
      ),
      known ? number(logit, short(logit), { title: exact(logit), class: 'soft' }) : '–',
    );
    return el('li', {}, button);
  }
}
