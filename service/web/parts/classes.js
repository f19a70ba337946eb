import { el, number } from '../lib/dom.js';
import { exact, percent, short } from '../lib/numbers.js';
import { t } from '../lib/i18n.js';
import { facts } from './facts.js';

/** The last layer as a list: every class with its probability and its logit; a click explains it. */
export class Classes {
  #network;
  #open;
  #point;
  #head = el('header', {});
  #list = el('ol', { class: 'classes' });

  constructor({ store, network, open, point }) {
    this.name = network.last.name;
    this.#point = point;
    this.#network = network;
    this.#open = open;
    this.node = el(
      'section',
      { class: 'column wide', 'data-layer': network.last.name },
      this.#head,
      this.#list,
    );
    store.watch(['lang'], () => this.#head.replaceChildren(...facts(network, network.last)));
    store.watch(['values', 'baseline', 'cell', 'lang'], (state) => this.#draw(state));
    this.#list.addEventListener('pointerleave', () => point(null));
  }

  /** Return where a class's row is: {x, y, width, height} from the corner of the list. */
  tile(channel) {
    const row = this.#list.children[channel + 1];
    const { offsetLeft: left, offsetTop: top } = this.#list;
    return {
      x: row.offsetLeft - left,
      y: row.offsetTop - top,
      width: row.offsetWidth,
      height: row.offsetHeight,
    };
  }

  #draw({ values, baseline, cell }) {
    const focused = [...this.#list.querySelectorAll('button')].indexOf(document.activeElement);
    const { labels } = this.#network;
    const ranking = values?.ranking() ?? labels.map((label, index) => ({ index, label }));
    const rows = ranking.toSorted((a, b) => a.index - b.index).map((row) => this.#row(row, ranking[0], cell, baseline));
    this.#list.replaceChildren(
      el(
        'li',
        { class: 'soft heads', 'aria-hidden': 'true' },
        el('span', {}),
        el('span', {}, t('classes.probability')),
        el('span', { class: 'logit' }, t('classes.logit')),
      ),
      ...rows,
    );
    this.#list.querySelectorAll('button')[focused]?.focus();
  }

  #row({ index, label, probability, logit }, first, cell, baseline) {
    const { last } = this.#network;
    const isSelected = cell?.layer === last.name && cell.channel === index;
    const hasValues = probability !== undefined;
    const before = baseline?.of(last)[index];
    const button = el(
      'button',
      {
        type: 'button',
        disabled: !hasValues,
        'aria-pressed': String(isSelected),
        class: first.index === index && hasValues ? 'first' : null,
        onclick: () => this.#open({ layer: last.name, channel: index }),
        onpointerenter: () => this.#point(index),
      },
      el('b', {}, label),
      el(
        'span',
        { class: 'share' },
        el('i', { style: `--share: ${hasValues ? probability : 0}` }),
        before === undefined ? null : el('i', { class: 'before', style: `--share: ${before}`, title: t('change.before', { value: percent(before) }) }),
        hasValues ? number(probability, percent(probability)) : '–',
      ),
      hasValues ? number(logit, short(logit), { title: exact(logit), class: 'soft logit' }) : '–',
    );
    return el('li', {}, button);
  }
}
