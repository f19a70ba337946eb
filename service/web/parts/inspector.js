import { el, replaceContent } from '../lib/dom.js';
import { t } from '../lib/i18n.js';
import { kindOf } from '../models/kinds.js';
import { nameOf } from '../models/naming.js';
import { DIGIT } from '../models/network.js';
import { intensity } from '../models/pixels.js';
import { Plane } from '../models/plane.js';
import { bySize } from '../models/sum.js';
import { asCell, sameCell } from '../models/trail.js';
import { convolutionTerms } from './convolution-terms.js';
import { dockedSide } from './dock.js';
import { equation, pixelEquation } from './equation.js';
import { format, showExact } from './figure.js';
import { legend } from './legend.js';
import { PlaneView } from './plane-view.js';
import { Path } from './path.js';
import { copyTerms, denseTerms, poolingTerms, softmaxTerms } from './other-terms.js';
import { problemNote } from './problem.js';

/** The view that lists the terms of an explanation, for each family of layer kinds. */
export const TERM_VIEWS = {
  convolution: convolutionTerms,
  pooling: poolingTerms,
  copy: copyTerms,
  dense: denseTerms,
};

const TABS = ['sum', 'examples', 'evidence', 'change'];

/** The docked explanation of the selected cell: the path through it, its arithmetic, and its map. */
export class Inspector {
  #network;
  #store;
  #trail;
  #title = el('h2', { id: 'inspector-title', tabindex: -1 });
  #hint = el('p', { class: 'soft' });
  #equation = el('div', { class: 'equation', tabindex: 0, role: 'group', 'aria-labelledby': 'inspector-title' });
  #terms = el('div', { class: 'terms' });
  #before = { view: new PlaneView('before', dockedSide), caption: el('figcaption', {}) };
  #focus;
  #bench;
  #root;

  constructor(root, { store, network, trail }) {
    this.#root = root;
    this.#network = network;
    this.#store = store;
    this.#trail = trail;
    const view = new PlaneView('focus', dockedSide, {
      onSelect: (cell) => trail.go(cell),
      onHover: (hover) => {
        if (!sameCell(hover, store.state.hover)) store.set({ hover });
      },
    });
    this.#focus = {
      view,
      caption: el('figcaption', {}),
      readout: el('output', { class: 'readout' }),
      legend: el('div', {}),
    };
    this.#bench = el(
      'div',
      { class: 'bench' },
      this.#equation,
      this.#terms,
      el('figure', { class: 'before' }, this.#before.caption, this.#before.view.node),
      el(
        'figure',
        { class: 'focus' },
        this.#focus.caption,
        view.node,
        this.#focus.legend,
        this.#focus.readout,
      ),
    );
    const path = el('nav', { class: 'trail' });
    new Path(path, { store, network, trail, focusTitle: () => this.#title.focus({ preventScroll: true }) });
    const exactly = el('button', {
      type: 'button',
      class: 'quiet',
      'data-action': 'exact',
      onclick: () => store.set({ isExact: !store.state.isExact }),
    });
    const tabs = el('div', { class: 'tabs', role: 'group' });
    root.prepend(el('header', {}, this.#title, this.#expand(), path, tabs, exactly), this.#hint, this.#bench);
    store.watch(['tab', 'lang'], ({ tab }) => {
      const focused = document.activeElement?.dataset?.tab;
      tabs.setAttribute('aria-label', t('tab'));
      tabs.replaceChildren(
        ...TABS.map((each) =>
          el(
            'button',
            {
              type: 'button',
              'data-tab': each,
              'aria-pressed': String(each === tab),
              onclick: () => store.set({ tab: each }),
            },
            t(`tab.${each}`),
          ),
        ),
      );
      if (focused) tabs.querySelector(`[data-tab="${focused}"]`)?.focus();
      root.dataset.shown = tab;
      exactly.hidden = tab !== 'sum';
    });
    store.watch(['isExact', 'lang'], ({ isExact }) => {
      showExact(isExact);
      root.classList.toggle('exact', isExact);
      exactly.textContent = t('inspector.exact');
      exactly.setAttribute('aria-pressed', String(isExact));
    });
    store.watch(['cell', 'lang', 'values'], (state) => this.#drawHead(state));
    store.watch(['explanation', 'explanationProblem', 'term', 'lang', 'cell', 'values', 'isExact'], (state) =>
      this.#drawTerms(state),
    );
    store.watch(
      ['explanation', 'term', 'lang', 'cell', 'values', 'hover', 'stage', 'scale', 'dark', 'isExact'],
      (state) => this.#drawPlanes(state),
    );
  }

  /** Create the button that opens the inspector where it is a sheet at the lower edge, as on a phone. */
  #expand() {
    const button = el('button', { type: 'button', class: 'expand quiet', onclick: () => toggle() });
    const toggle = (isCollapsed = !this.#root.classList.contains('collapsed')) => {
      this.#root.classList.toggle('collapsed', isCollapsed);
      button.setAttribute('aria-expanded', String(!isCollapsed));
      button.textContent = t(isCollapsed ? 'inspector.expand' : 'inspector.collapse');
    };
    toggle(true);
    this.#store.watch(['lang'], () => toggle(this.#root.classList.contains('collapsed')));
    this.#store.watch(['cell'], ({ isChosen }) => isChosen && toggle(false));
    return button;
  }

  #follow = (cell) => {
    this.#trail.go(asCell(cell), { follow: true });
    this.#title.focus({ preventScroll: true });
  };

  #drawHead({ cell, values }) {
    this.#title.textContent = cell && values ? nameOf(cell, this.#network, t) : t('inspector');
    this.#hint.hidden = Boolean(cell && values);
    this.#hint.textContent = t(values ? 'inspector.pick' : 'inspector.draw');
  }

  #drawTerms({ cell, explanation, explanationProblem, values, term }) {
    const isExplained =
      values && cell && (cell.layer === DIGIT || (explanation && sameCell(explanation.cell, cell)));
    if (!isExplained) {
      // While the request runs, the explanation of the previous cell stays.
      if (!cell || !values || explanationProblem) this.#clear(explanationProblem);
      return;
    }
    this.#equation.dataset.cell = Object.values(cell).join('/');
    this.#equation.dataset.isConfirmed = String(Boolean(explanation?.isConfirmed));
    if (cell.layer === DIGIT) {
      const { digit } = this.#store.state;
      const { width, channels } = this.#network.input;
      const byte = digit.pixels[(cell.row * width + cell.column) * channels + cell.channel];
      this.#equation.replaceChildren(...pixelEquation(byte));
      this.#terms.replaceChildren(el('section', {}, el('p', {}, t('pixel.note'))));
    } else {
      this.#equation.replaceChildren(...equation(explanation));
      replaceContent(this.#terms, ...this.#termsOf(explanation, term));
    }
    if (this.#root.closest('[hidden]')) return; // The lab is shown and has its own announcements.
    const value = format(Number(this.#equation.querySelector('[data-role="post"]')?.value));
    this.#store.set({
      announcement: t('cell.announcement', { cell: nameOf(cell, this.#network, t), value }),
    });
  }

  #clear(problem) {
    this.#equation.replaceChildren();
    this.#terms.replaceChildren(...(problem ? [problemNote(problem)] : []));
  }

  #termsOf(explanation, term) {
    const view = TERM_VIEWS[kindOf(explanation.kind).family];
    const context = { explanation, network: this.#network, follow: this.#follow };
    const choose = (channel) => this.#store.set({ term: channel });
    const showAll = () => this.#store.set({ allTerms: true });
    return [
      ...(explanation.softmax ? softmaxTerms(context) : []),
      ...view({ ...context, term, choose, showAll }),
    ];
  }

  #drawPlanes(state) {
    const { cell, values, explanation } = state;
    this.#bench.hidden = !cell || !values;
    if (this.#bench.hidden) return;
    this.#focus.view.node.title = t('inspector.keys');
    const stage = state.stage === 'pre' ? 'pre' : 'post';
    this.#drawFocus(state, stage);
    this.#drawBefore(state, explanation && sameCell(explanation.cell, cell) ? explanation : null);
  }

  #drawFocus({ cell, hover, values, digit, scale }, stage) {
    const layer = this.#network.find(cell.layer);
    const at = hover ?? cell;
    const plane = new Plane({ network: this.#network, layer, channel: cell.channel });
    const limit = limitOf(plane, values, stage, scale);
    const isInactive = layer && !layer.isFlat && values.inactive(layer)[cell.channel];
    this.#focus.caption.replaceChildren(
      titleOf(plane),
      ...(isInactive ? [' ', el('span', { class: 'badge' }, t('plane.dead'))] : []),
    );
    this.#focus.view.show({
      plane,
      limit,
      cell,
      winner: hover,
      numbers: plane.values(values, digit, stage),
      label: t('plane.name', { cell: nameOf(cell, this.#network, t) }),
      names: layer?.isLast && this.#network.hasClasses ? this.#network.labels : [],
    });
    this.#focus.legend.replaceChildren(...(layer ? [legend(limit, values.isDiverging(layer, stage))] : []));
    const value = layer
      ? values.at(at, stage)
      : intensity(digit.pixels[(at.row * plane.columns + at.column) * plane.channels + at.channel]);
    this.#focus.readout.textContent = `${nameOf(at, this.#network, t)} = ${format(value)}`;
  }

  /** Draw what the cell reads; `explanation` is null until it belongs to the cell. */
  #drawBefore({ cell, hover, values, digit, scale, term }, explanation) {
    const layer = this.#network.find(cell.layer);
    this.#before.view.node.parentElement.hidden = !layer;
    if (!layer) return;
    const before = this.#network.before(layer);
    const strongest = explanation?.terms ? bySize(explanation.terms)[0]?.channel : null;
    const channel = layer.kind.reads(layer, cell).channel ?? term ?? strongest ?? 0;
    const plane = new Plane({ network: this.#network, layer: before, channel });
    this.#before.caption.textContent = titleOf(plane);
    this.#before.view.show({
      plane,
      numbers: plane.values(values, digit, 'post'),
      limit: limitOf(plane, values, 'post', scale),
      window: layer.window(hover ?? cell),
      winner: hover ? null : (explanation?.winner ?? explanation?.source ?? null),
      unread: layer.unread,
      label: t('plane.before', { layer: titleOf(plane) }),
    });
  }
}

function titleOf(plane) {
  const layer = plane.layer ? plane.name : t('input');
  return plane.isFlat || (!plane.layer && plane.channels === 1)
    ? layer
    : t('plane', { layer, channel: plane.channel });
}

function limitOf({ layer, isFlat, channel }, values, stage, scale) {
  return layer ? values.limit(layer, stage, scale === 'map' && !isFlat ? channel : null) : 1;
}
