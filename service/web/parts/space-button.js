import { el } from '../lib/dom.js';
import { t } from '../lib/i18n.js';
import { Dialog } from './dialog.js';
import { problemNote } from './problem.js';

/** The button that opens the network in 3-D over the page; the picture is loaded when it is pressed. */
export class SpaceButton {
  #context;
  #dialog = new Dialog('space-view');
  #button = el('button', { type: 'button', onclick: () => this.#open() });
  #note = el('div', {});
  #isLoading = false;
  #attempts = 0;

  /** @param context {store, network, select}, as `openSpace` takes it. */
  constructor(root, context) {
    this.#context = context;
    root.append(this.#button, this.#note);
    context.store.watch(['lang'], () => {
      this.#button.textContent = t('space');
    });
  }

  async #open() {
    if (this.#isLoading) return; // The button is not disabled, because it would lose the focus.
    this.#isLoading = true;
    this.#note.replaceChildren();
    try {
      // A browser does not import an address again that has failed, so another attempt needs another one.
      const again = this.#attempts ? `?${this.#attempts}` : '';
      const { openSpace } = await import(`../space/space.js${again}`);
      this.#dialog.open(t('space'));
      const space = openSpace(this.#dialog.body, this.#context);
      this.#dialog.node.addEventListener('close', () => space.close(), { once: true });
    } catch (problem) {
      this.#attempts++;
      this.#note.replaceChildren(problemNote(problem));
    } finally {
      this.#isLoading = false;
    }
  }
}
