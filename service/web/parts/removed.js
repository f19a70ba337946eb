import { el } from '../lib/dom.js';
import { t } from '../lib/i18n.js';

/** What preprocessing removed from around the digit, in words and as an image. */
export class Removed {
  #root;
  #image = el('img', {});
  #caption = el('figcaption', {});

  constructor(root, { store }) {
    this.#root = root;
    root.append(el('figure', {}, this.#image, this.#caption));
    store.watch(['removed', 'lang'], ({ removed }) => this.#name(removed));
    store.watch(['removedImage'], ({ removedImage }) => this.#show(removedImage));
  }

  #name(removed) {
    this.#root.hidden = !removed.length;
    this.#caption.textContent = t('removed', {
      things: removed.map((name) => t(`removed.${name}`)).join(', '),
    });
    this.#image.alt = t('removed.image');
  }

  #show(removedImage) {
    URL.revokeObjectURL(this.#image.src);
    this.#image.hidden = !removedImage;
    if (removedImage) this.#image.src = URL.createObjectURL(removedImage);
  }
}
