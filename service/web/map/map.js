// The map of the test digits, and where the playground's drawing lands on it.

import { el, loadStyle } from '../lib/dom.js';
import { addTexts, t } from '../lib/i18n.js';
import { percent } from '../lib/numbers.js';
import { Card, digitButton, thumbnail } from './card.js';
import { Chart } from './chart.js';
import { DigitMap } from './digit-map.js';
import en from './i18n/en.js';
import ko from './i18n/ko.js';
import { Thumbnails } from './thumbnails.js';

const FILTERS = ['all', 'mistakes', 'outliers'];
const TIP_GAP = 16; // pixels between a point and its tip

/** Load the map, its texts and its style sheet, and build the view. */
export async function open(root, context) {
  addTexts({ en, ko });
  const [buffer] = await Promise.all([
    context.api.digitMap().catch((problem) => {
      if (problem.kind === 'not-in-bundle') return null;
      throw problem;
    }),
    loadStyle(new URL('map.css', import.meta.url)),
    loadStyle(new URL('../lib/classes.css', import.meta.url)),
  ]);
  return buffer ? new MapView(root, context, new DigitMap(buffer)) : new NoMap(root, context);
}

/** What the view shows for a model whose bundle has no map. */
class NoMap {
  constructor(root, { store }) {
    store.watch(['lang'], () => root.replaceChildren(el('p', { class: 'card' }, t('map.none'))));
  }

  show() {}

  leave() {}
}

class MapView {
  #store;
  #network;
  #map;
  #thumbnails;
  #chart;
  #card;
  #isShown = false;
  #filter = 'all';
  #label = null; // the class that is shown; null for all
  #rows = []; // of filter and class
  #selected = null;
  #drawing = null; // {digit, label, probability, neighbours, place} of the playground's
  #title = el('h2', { id: 'map-title' });
  #text = el('p', {});
  #controls = el('div', { class: 'map-controls' });
  #zoom = el('div', { class: 'zoom' });
  #tip = el('div', { class: 'tip', hidden: true });
  #marks = el('p', { class: 'marks soft' });
  #list = el('section', { class: 'digit-list' });

  constructor(root, { api, network, store }, map) {
    this.#store = store;
    this.#network = network;
    this.#map = map;
    this.#thumbnails = new Thumbnails(api, map);
    const { labels } = network;
    const [shared, open] = [{ map, thumbnails: this.#thumbnails }, (row) => this.#select(row)];
    this.#chart = new Chart({
      ...shared,
      classes: labels.length,
      actions: { open, point: (...at) => this.#point(...at), step: (row) => this.#step(row) },
    });
    this.#card = new Card({ ...shared, labels, actions: { open, close: () => this.#select(null) } });
    const chart = el('div', { class: 'chart-place' }, this.#chart.node, this.#zoom, this.#tip);
    root.append(
      el(
        'section',
        { class: 'card', 'aria-labelledby': 'map-title' },
        el('header', {}, this.#title, this.#text),
        this.#controls,
        chart,
        this.#marks,
      ),
      el('aside', { class: 'card' }, this.#card.node, this.#list),
    );
    store.watch(['lang'], () => this.#isShown && this.#draw());
    store.watch(['dark'], () => this.#chart.recolour());
    store.watch(['values'], () => this.#isShown && this.#place());
  }

  /** Show the map, with the playground's present drawing. */
  show() {
    this.#isShown = true;
    this.#draw();
    this.#place();
  }

  leave() {
    this.#isShown = false;
    this.#tip.hidden = true;
  }

  /** Write all texts, and show the filter. */
  #draw() {
    const { count, units, layer } = this.#map;
    this.#title.textContent = t('map.title');
    this.#text.textContent = t('map.text', { count: count.toLocaleString('en'), units, layer });
    this.#chart.node.setAttribute('aria-label', t('map.name'));
    this.#marks.textContent = t('map.marks');
    this.#drawZoom();
    this.#show();
    this.#showCard();
  }

  #drawZoom() {
    const { zoomIn, zoomOut, showAll } = this.#chart;
    const buttons = [['+', 'in', zoomIn], ['−', 'out', zoomOut], ['⤢', 'all', showAll]]; // prettier-ignore
    this.#zoom.replaceChildren(
      ...buttons.map(([sign, name, onclick]) =>
        el('button', { type: 'button', 'aria-label': t(`map.zoom.${name}`), 'data-zoom': name, onclick }, sign),
      ),
    );
  }

  /** Show what the filter and the class leave. */
  #show() {
    this.#rows = this.#map.rows(this.#filter, this.#label);
    const focused = document.activeElement?.id;
    this.#controls.replaceChildren(this.#filters(), this.#classes());
    if (focused?.startsWith('map-')) document.getElementById(focused)?.focus();
    this.#chart.show({ rows: this.#rows, current: null });
    this.#drawList();
  }

  #filters() {
    const radios = FILTERS.flatMap((filter) => {
      const count = this.#map.rows(filter, this.#label).length.toLocaleString('en');
      const id = `map-${filter}`;
      const onchange = () => this.#choose({ filter });
      return [
        el('input', { type: 'radio', name: 'map-filter', id, checked: filter === this.#filter, class: 'unseen', onchange }), // prettier-ignore
        el('label', { for: id }, t(`map.${filter}`, { count })),
      ];
    });
    return el('fieldset', { class: 'choice' }, el('legend', { class: 'unseen' }, t('map.filter')), ...radios);
  }

  #classes() {
    const buttons = this.#network.labels.map((name, label) =>
      el(
        'button',
        {
          type: 'button',
          id: `map-class-${label}`,
          'aria-pressed': String(label === this.#label),
          'aria-label': t('map.class', { label: name }),
          style: `--dot: var(--class-${label})`,
          onclick: () => this.#choose({ label: label === this.#label ? null : label }),
        },
        name,
      ),
    );
    return el('div', { class: 'class-choice', role: 'group', 'aria-label': t('map.classes') }, ...buttons);
  }

  #choose({ filter = this.#filter, label = this.#label }) {
    [this.#filter, this.#label] = [filter, label];
    this.#show();
    const count = this.#rows.length.toLocaleString('en');
    this.#store.set({ announcement: t(`map.${filter}`, { count }) });
  }

  /** List the outliers, or else the mistakes, as buttons: another way to the digits than the chart. */
  #drawList() {
    const filter = this.#filter === 'outliers' ? 'outliers' : 'mistakes';
    const rows = this.#map.rows(filter, this.#label);
    const items = rows.map((row) =>
      el(
        'li',
        {},
        digitButton(this.#map, this.#thumbnails, this.#network.labels, row, {
          onclick: () => this.#select(row),
        }),
      ),
    );
    const title = el('h3', {}, t(`map.${filter}`, { count: rows.length.toLocaleString('en') }));
    this.#list.replaceChildren(title, el('ul', { class: 'digits' }, ...items));
  }

  #select(row) {
    this.#selected = row;
    this.#showCard();
    if (row === null) return;
    this.#chart.reveal(row);
    this.#store.set({ announcement: this.#nameOf(row) });
  }

  #showCard() {
    const [row, drawing] = [this.#selected, this.#drawing];
    let neighbours = [];
    if (row !== null) {
      neighbours = this.#map.neighbours(this.#map.features(row), row);
      this.#card.showRow(row, neighbours, this.#store.state.lang);
    } else if (drawing) {
      ({ neighbours } = drawing);
      this.#card.showDrawing(drawing, neighbours);
    } else this.#card.showNothing();
    const rings = neighbours.map((neighbour) => neighbour.row);
    this.#chart.show({ selected: row, neighbours: rings, current: null, drawing: drawing?.place ?? null });
  }

  /** Place the playground's drawing among its nearest neighbours. */
  #place() {
    const { values, digit } = this.#store.state;
    const layer = this.#network.find(this.#map.layer);
    if (values && digit && layer?.channels === this.#map.units) {
      const neighbours = this.#map.neighbours(this.#map.quantise(values.of(layer)));
      const [{ label, probability }] = values.ranking();
      this.#drawing = { digit, label, probability, neighbours, place: this.#map.meanPlace(neighbours) };
    } else this.#drawing = null;
    this.#showCard();
  }

  /** Show the tip of the digit under the pointer. */
  #point(row, x, y) {
    this.#chart.show({ current: row });
    this.#tip.hidden = row === null;
    if (row !== null) this.#showTip(row, x, y);
  }

  /** Show the tip of the digit that the keys have reached, and announce it. */
  #step(row) {
    this.#chart.show({ current: row });
    this.#tip.hidden = false;
    this.#showTip(row, ...this.#chart.pixelsOf(row));
    this.#store.set({ announcement: this.#nameOf(row) });
  }

  #showTip(row, x, y) {
    if (this.#tip.dataset.row !== String(row)) {
      this.#tip.dataset.row = row;
      this.#tip.replaceChildren(thumbnail(this.#thumbnails.pixels(row), 56), el('span', {}, this.#nameOf(row)));
    }
    const { clientWidth, clientHeight } = this.#chart.node;
    const [isRight, isLow] = [x > clientWidth / 2, y > clientHeight / 2];
    this.#tip.style.cssText = [
      isRight ? `right: ${clientWidth - x + TIP_GAP}px` : `left: ${x + TIP_GAP}px`,
      isLow ? `bottom: ${clientHeight - y + TIP_GAP}px` : `top: ${y + TIP_GAP}px`,
    ].join('; ');
  }

  #nameOf(row) {
    const { labels } = this.#network;
    const [label, predicted] = [labels[this.#map.labels[row]], labels[this.#map.predicted[row]]];
    const confidence = percent(this.#map.confidences[row]);
    return t(this.#map.isMistake(row) ? 'map.mistake' : 'map.right', { row, label, predicted, confidence });
  }
}
