import { el } from '../lib/dom.js';
import { t } from '../lib/i18n.js';
import { Latest } from '../lib/latest.js';

const DELAY_MS = 200; // While strokes are drawn, only their predictions are requested.

/** What preprocessing removed from around the digit, in words and as an image. */
export class Removed {
  #api;
  #root;
  #image = el('img', { hidden: true });
  #caption = el('figcaption', {});
  #timer;

  constructor(root, { api, store }) {
    this.#api = api;
    this.#root = root;
    root.append(el('figure', {}, this.#image, this.#caption));
    const show = new Latest(() => this.#show(store));
    store.watch(['removed', 'lang'], ({ removed }) => this.#describe(removed));
    store.watch(['removed'], () => {
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => show.submit(), DELAY_MS);
    });
  }

  #describe(removed) {
    this.#root.hidden = !removed;
    if (!removed) return;
    const things = removed.names.map((name) => t(`removed.${name}`)).join(', ');
    this.#caption.textContent = t('removed', { things });
    this.#image.alt = t('removed.image');
  }

  async #show(store) {
    const { removed } = store.state;
    // The words stand without the image too, so a failure of this request is not a problem.
    const image = removed && (await this.#api.removed(removed.image).catch(() => null));
    if (store.state.removed !== removed) return;
    URL.revokeObjectURL(this.#image.src);
    this.#image.hidden = !image;
    if (image) this.#image.src = URL.createObjectURL(image);
  }
}
