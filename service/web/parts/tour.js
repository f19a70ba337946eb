import { el } from '../lib/dom.js';
import { t } from '../lib/i18n.js';
import { Dialog } from './dialog.js';
import { stepsOf } from '../models/tour.js';

const OFFERED = 'convscope.tour-offered';

/** Five questions about the network, each with an answer on the page. The tour is offered once. */
export class Tour {
  #network;
  #store;
  #trail;
  #sheets;
  #dialog = new Dialog('tour');
  #steps;
  #step = 0;

  constructor(offer, { store, network, trail, sheets, embedded }) {
    this.#network = network;
    this.#store = store;
    this.#trail = trail;
    this.#sheets = sheets;
    this.#dialog.node.addEventListener('close', () => this.#highlight(null));
    if (!embedded && !wasOffered()) this.#offer(offer);
  }

  start = () => {
    const sheet = this.#network.acceptsImages ? { kind: 'sample', index: 0 } : { kind: 'random', seed: 7 };
    if (!this.#store.state.values) this.#sheets.put(sheet);
    this.#trail.release();
    this.#store.set({ tab: 'sum' });
    this.#steps = stepsOf(this.#network);
    this.#show(0);
  };

  #offer(root) {
    saveOffer();
    const close = () => root.remove();
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
              close();
              this.start();
            },
          },
          t('tour.start'),
        ),
        el('button', { type: 'button', class: 'quiet', onclick: close }, t('tour.no')),
      ),
    );
  }

  #show(index, withAnswer = false) {
    this.#step = index;
    const step = this.#steps[index];
    this.#highlight(step.target);
    this.#dialog.open(t('tour.step', { step: index + 1, count: this.#steps.length }));
    const next =
      index + 1 < this.#steps.length
        ? button('tour.next', () => this.#show(index + 1))
        : button('tour.end', () => this.#dialog.close());
    this.#dialog.body.replaceChildren(
      el('p', { class: 'question' }, t(`tour.${step.name}.question`, step)),
      ...(withAnswer ? [el('p', { class: 'reveal' }, t(`tour.${step.name}.answer`, step))] : []),
      withAnswer ? next : button('tour.reveal', () => this.#reveal(step)),
    );
    this.#dialog.body.querySelector('button').focus();
  }

  #reveal(step) {
    const { values } = this.#store.state;
    if (step.cell && values) this.#trail.go(step.cell(values));
    this.#show(this.#step, true);
  }

  /** Highlight the part of the page that a step is about, and scroll it into view. */
  #highlight(target) {
    for (const node of document.querySelectorAll('.highlight')) node.classList.remove('highlight');
    const node = target && document.querySelector(target);
    if (!node) return;
    node.classList.add('highlight');
    // The dialog lies at the other end of the page, so that it covers nothing that it describes.
    this.#dialog.node.classList.toggle('at-top', target === '#inspector');
    const reducesMotion = matchMedia('(prefers-reduced-motion: reduce)').matches;
    node.scrollIntoView({ block: 'nearest', inline: 'nearest', behavior: reducesMotion ? 'auto' : 'smooth' });
  }
}

function button(key, onclick) {
  return el('button', { type: 'button', class: 'primary', onclick }, t(key));
}

/** Whether this browser was offered the tour; false where the page may not use its storage. */
function wasOffered() {
  try {
    return localStorage.getItem(OFFERED) !== null;
  } catch {
    return false;
  }
}

function saveOffer() {
  try {
    localStorage.setItem(OFFERED, '1');
  } catch {
    // Without storage the tour is offered on every visit.
  }
}
