import { el, number } from '../lib/dom.js';
import { exact, percent, short } from '../lib/numbers.js';
import { t } from '../lib/i18n.js';
import { facts } from './facts.js';

/** The last layer as a list: every class with its probability and its logit; a click explains it. */
export class Classes {
  #network;
  #open;
  #head = el('header', {});
  #list = el('ol', { class: 'classes' });

  constructor({ store, network, open }) {
    this.#network = network;
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
    const isSelected = cell?.layer === last.name && cell.channel === index;
    const hasValues = probability !== undefined;
    const button = el(
      'button',
      {
        type: 'button',
        disabled: !hasValues,
        'aria-pressed': String(isSelected),
        class: first.index === index && hasValues ? 'first' : null,
        onclick: () => this.#open({ layer: last.name, channel: index }),
      },
      el('b', {}, label),
      el(
        'span',
        { class: 'share' },
        el('i', { style: `--share: ${hasValues ? probability : 0}` }),
        hasValues ? number(probability, percent(probability)) : '–',
      ),
      hasValues ? number(logit, short(logit), { title: exact(logit), class: 'soft' }) : '–',
    );
    return el('li', {}, button);
  }
}
