import { el } from '../lib/dom.js';
import { t } from '../lib/i18n.js';

/** What preprocessing removed from around the digit, in words and as an image. */
export class Removed {
  #root;
  #address = null;

  constructor(root, { store }) {
    this.#root = root;
    store.watch(['removed', 'lang'], ({ removed }) => this.#draw(removed));
  }

  #draw(removed) {
    if (this.#address) URL.revokeObjectURL(this.#address);
    this.#address = removed && URL.createObjectURL(removed.image);
    this.#root.replaceChildren(...(removed ? [this.#figure(removed.names)] : []));
  }

  #figure(names) {
    const things = names.map((name) => t(`removed.${name}`)).join(', ');
    return el(
      'figure',
      {},
      el('img', { src: this.#address, alt: t('removed.image') }),
      el('figcaption', {}, t('removed', { things })),
    );
  }
}
