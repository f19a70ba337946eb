import { el } from '../lib/dom.js';
import { t } from '../lib/i18n.js';
import { Dialog } from './dialog.js';
import { stepsOf } from '../models/tour.js';

const OFFERED = 'convscope.tour-offered';

/** Five questions, each answered by the page itself. Offered once; starts only when asked for. */
export class Tour {
  #network;
  #store;
  #trail;
  #sheets;
  #dialog = new Dialog('tour');
  #steps;
  #at = 0;

  constructor(offer, { store, network, trail, sheets, embedded }) {
    this.#network = network;
    this.#store = store;
    this.#trail = trail;
    this.#sheets = sheets;
    this.#dialog.node.addEventListener('close', () => this.#point(null));
    if (!embedded && !remembered()) this.#offer(offer);
  }

  start = () => {
    const sheet = this.#network.takesPictures ? { kind: 'sample', index: 0 } : { kind: 'random', seed: 7 };
    if (!this.#store.state.values) this.#sheets.put(sheet);
    this.#trail.go(null);
    this.#steps = stepsOf(this.#network);
    this.#show(0);
  };

  #offer(root) {
    remember();
    const leave = () => root.remove();
    root.hidden = false;
    this.#store.watch(['lang'], () =>
      root.replaceChildren(
        el('p', {}, t('tour.offer')),
        el(
          'button',
          {
            type: 'button',
            class: 'primary',
            onclick: () => {
              leave();
              this.start();
            },
          },
          t('tour.start'),
        ),
        el('button', { type: 'button', class: 'quiet', onclick: leave }, t('tour.no')),
      ),
    );
  }

  #show(at, revealed = false) {
    this.#at = at;
    const step = this.#steps[at];
    this.#point(step.target);
    this.#dialog.open(t('tour.step', { step: at + 1, count: this.#steps.length }));
    const next =
      at + 1 < this.#steps.length
        ? button('tour.next', () => this.#show(at + 1))
        : button('tour.end', () => this.#dialog.close());
    this.#dialog.body.replaceChildren(
      el('p', { class: 'question' }, t(`tour.${step.name}.question`, step)),
      ...(revealed ? [el('p', { class: 'reveal' }, t(`tour.${step.name}.answer`, step))] : []),
      revealed ? next : button('tour.reveal', () => this.#reveal(step)),
    );
    this.#dialog.body.querySelector('button').focus();
  }

  #reveal(step) {
    const { values } = this.#store.state;
    if (step.cell && values) this.#trail.go(step.cell(values));
    this.#show(this.#at, true);
  }

  /** Mark the part of the page that a step is about, and bring it into sight. */
  #point(target) {
    for (const node of document.querySelectorAll('.pointed')) node.classList.remove('pointed');
    const node = target && document.querySelector(target);
    if (!node) return;
    node.classList.add('pointed');
    const still = matchMedia('(prefers-reduced-motion: reduce)').matches;
    node.scrollIntoView({ block: 'nearest', inline: 'nearest', behavior: still ? 'auto' : 'smooth' });
  }
}

function button(key, onclick) {
  return el('button', { type: 'button', class: 'primary', onclick }, t(key));
}

/** Where storage is forbidden, the offer comes again: better than an error. */
function remembered() {
  try {
    return localStorage.getItem(OFFERED) !== null;
  } catch {
    return false;
  }
}

function remember() {
  try {
    localStorage.setItem(OFFERED, '1');
  } catch {
    /* see above */
  }
}
