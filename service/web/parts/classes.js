import { el } from '../lib/dom.js';
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
  #rows = []; // of each class: its button and the parts that change

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
    store.watch(['lang'], (state) => this.#build(state));
    store.watch(['values', 'baseline', 'cell'], (state) => this.#draw(state));
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

  #build(state) {
    const focused = this.#rows.findIndex(({ button }) => button === document.activeElement);
    this.#head.replaceChildren(...facts(this.#network, this.#network.last));
    this.#rows = this.#network.labels.map((label, index) => this.#row(label, index));
    this.#list.replaceChildren(
      el(
        'li',
        { class: 'soft heads', 'aria-hidden': 'true' },
        el('span', {}),
        el('span', {}, t('classes.probability')),
        el('span', { class: 'logit' }, t('classes.logit')),
      ),
      ...this.#rows.map(({ button }) => el('li', {}, button)),
    );
    this.#rows[focused]?.button.focus();
    this.#draw(state);
  }

  /** Create a row; a stroke changes its numbers many times a second, so that they are changed in place. */
  #row(label, index) {
    const { last } = this.#network;
    const bar = el('i', {});
    const before = el('i', { class: 'before' });
    const probability = el('data', {});
    const logit = el('data', { class: 'soft logit' });
    const button = el(
      'button',
      {
        type: 'button',
        onclick: () => this.#open({ layer: last.name, channel: index }),
        onpointerenter: () => this.#point(index),
      },
      el('b', {}, label),
      el('span', { class: 'share' }, bar, probability, before),
      logit,
    );
    return { button, bar, before, probability, logit };
  }

  #draw({ values, baseline, cell }) {
    const { last } = this.#network;
    const first = values?.ranking()[0].index;
    this.#rows.forEach(({ button, bar, before, probability, logit }, index) => {
      button.disabled = !values;
      button.classList.toggle('first', index === first);
      button.setAttribute('aria-pressed', String(cell?.layer === last.name && cell.channel === index));
      write(probability, values?.of(last)[index], percent);
      write(logit, values?.of(last, 'pre')[index], short);
      bar.style.setProperty('--share', values?.of(last)[index] ?? 0);
      before.hidden = !baseline;
      if (!baseline) return;
      const share = baseline.of(last)[index];
      before.style.setProperty('--share', share);
      before.title = t('change.before', { value: percent(share) });
    });
  }
}

/** Write a number into its element, in short form, with the exact one on hover; a dash without one. */
function write(node, value, format) {
  node.value = value ?? '';
  node.title = value === undefined ? '' : exact(value);
  node.textContent = value === undefined ? '–' : format(value);
}
