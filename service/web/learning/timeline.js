import { el } from '../lib/dom.js';
import { t } from '../lib/i18n.js';

const PACE_MS = 1200; // from snapshot to snapshot while playing

/** The slider over the snapshots, a button that plays them, and what the snapshot is. */
export class Timeline {
  #count;
  #describe;
  #choose;
  #announce;
  #timer = null;
  #slider;
  #play = el('button', { type: 'button', class: 'primary', onclick: () => this.#toggle() });
  #readout = el('p', { class: 'readout' });

  /** @param describe (index) → {step, images, accuracy, label}
   *  @param choose (index) shows another snapshot.
   */
  constructor({ count, describe, choose, announce }) {
    this.#count = count;
    this.#describe = describe;
    this.#choose = choose;
    this.#announce = announce;
    this.#slider = el('input', { type: 'range', min: 0, max: count - 1, 'aria-label': t('learning.slider') });
    this.#slider.addEventListener('input', () => {
      this.leave();
      choose(Number(this.#slider.value));
    });
    const name = { 'aria-label': t('learning.timeline') };
    this.node = el('section', { class: 'card timeline', ...name }, this.#play, this.#slider, this.#readout);
    this.#drawButton();
  }

  show(index) {
    const values = this.#describe(index);
    this.#slider.value = index;
    this.#slider.setAttribute('aria-valuetext', t('learning.announcement', values));
    this.#readout.textContent = t('learning.readout', values);
  }

  /** Stop playing. */
  leave() {
    clearInterval(this.#timer);
    this.#timer = null;
    this.#drawButton();
  }

  get #index() {
    return Number(this.#slider.value);
  }

  #toggle() {
    if (this.#timer !== null) return this.leave();
    if (this.#index === this.#count - 1) this.#go(0);
    this.#timer = setInterval(() => {
      this.#go(this.#index + 1);
      if (this.#index === this.#count - 1) this.leave();
    }, PACE_MS);
    return this.#drawButton();
  }

  #go(index) {
    this.#choose(index);
    this.#announce(t('learning.announcement', this.#describe(index)));
  }

  #drawButton() {
    this.#play.textContent = t(this.#timer === null ? 'learning.play' : 'learning.pause');
  }
}
