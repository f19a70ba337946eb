import { el, number } from '../lib/dom.js';
import { percent } from '../lib/numbers.js';
import { t } from '../lib/i18n.js';

/** How much each layer changed since the snapshot before; the one that changed most is marked. */
export class Changes {
  #snapshots;
  #text = el('p', {});
  #rows;

  constructor({ snapshots }) {
    this.#snapshots = snapshots;
    this.#rows = snapshots.trained.map((name) => ({ name, node: el('li', { 'data-layer': name }) }));
    const list = el('ol', { class: 'changed' }, ...this.#rows.map(({ node }) => node));
    this.node = el('div', {}, this.#text, list);
  }

  show(index) {
    const changes = this.#rows.map(({ name }) => (index ? this.#snapshots.change(name, index) : 0));
    const most = Math.max(...changes);
    this.#rows.forEach(({ name, node }, i) => {
      node.className = index && changes[i] === most ? 'first' : '';
      node.replaceChildren(
        el('span', {}, name),
        el('span', { class: 'share' }, el('i', { style: `--share: ${most && changes[i] / most}` })),
        index ? number(changes[i], percent(changes[i])) : el('span', {}, '–'),
      );
    });
    const step = index ? this.#snapshots.entries[index - 1].step.toLocaleString('en') : 0;
    this.#text.textContent = t(index ? 'learning.changes.how' : 'learning.changes.first', { step });
  }
}
