import { el } from '../lib/dom.js';
import { t } from '../lib/i18n.js';
import { Dialog } from '../parts/dialog.js';
import { problemNote } from '../parts/problem.js';

/** A button that requests the picture's occlusion map, and the dialog that shows it. */
export class OcclusionMap {
  #api;
  #store;
  #isBusy = false;
  #button = el('button', { type: 'button', onclick: () => this.#request() });
  #note = el('div', {});
  #dialog = new Dialog('occlusion');
  #image = el('img', {});
  #text = el('p', { class: 'soft' });

  constructor(root, { api, store }) {
    this.#api = api;
    this.#store = store;
    root.append(this.#button, this.#note);
    this.#dialog.body.append(this.#image, this.#text);
    store.watch(['lang', 'prediction'], () => this.#draw());
    store.watch(['picture'], () => this.#note.replaceChildren());
  }

  #draw() {
    this.#button.textContent = t(this.#isBusy ? 'viewer.occlusion.busy' : 'viewer.occlusion');
    this.#button.setAttribute('aria-busy', String(this.#isBusy));
    this.#button.disabled = !this.#isBusy && !this.#store.state.prediction;
    this.#image.alt = this.#text.textContent = t('viewer.occlusion.how');
  }

  async #request() {
    if (this.#isBusy) return; // Not disabled meanwhile, because a disabled button loses the focus.
    const { picture } = this.#store.state;
    this.#isBusy = true;
    this.#note.replaceChildren();
    this.#draw();
    this.#store.set({ announcement: t('viewer.occlusion.busy') });
    try {
      const png = await this.#api.occlusionMap(picture.body);
      if (this.#store.state.picture === picture) await this.#show(png);
    } catch (problem) {
      if (this.#store.state.picture === picture) this.#note.replaceChildren(problemNote(problem));
    } finally {
      this.#isBusy = false;
      this.#draw();
    }
  }

  async #show(png) {
    URL.revokeObjectURL(this.#image.src);
    this.#image.src = URL.createObjectURL(png);
    await this.#image.decode();
    this.#dialog.open(t('viewer.occlusion'));
  }
}
