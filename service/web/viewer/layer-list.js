import { el } from '../lib/dom.js';
import { t } from '../lib/i18n.js';
import { INPUT } from '../models/graph.js';
import { groupByBlock, search } from './layers.js';

const SEARCHABLE = 30; // layers: a longer list can be searched

/** The list of layers, grouped by block. Arrow keys move through it, Enter opens a layer. */
export class LayerList {
  #store;
  #layers;
  #open;
  #title = el('h2', { id: 'layers-title' });
  #field = el('input', { type: 'search', oninput: () => this.#draw() });
  #matches = el('p', { class: 'soft', role: 'status' });
  #list = el('div', { class: 'layer-list', onkeydown: (event) => this.#move(event) });

  constructor(root, { store, layers, open }) {
    this.#store = store;
    this.#layers = layers;
    this.#open = open;
    this.#field.hidden = this.#matches.hidden = layers.length <= SEARCHABLE;
    root.append(this.#title, this.#field, this.#matches, this.#list);
    store.watch(['lang'], () => this.#draw());
    store.watch(['layer'], () => this.#mark());
  }

  #draw() {
    const found = search(this.#layers, this.#field.value);
    const counts = { count: found.length, all: this.#layers.length };
    this.#title.textContent = t('viewer.layers', { count: this.#layers.length });
    this.#field.placeholder = t('viewer.search');
    this.#field.setAttribute('aria-label', t('viewer.search'));
    this.#matches.textContent = t('viewer.matches', counts);
    this.#list.replaceChildren(...groupByBlock(found).flatMap((group) => this.#group(group)));
    this.#mark();
  }

  #group({ block, layers }) {
    const items = layers.map((layer) => el('li', {}, this.#row(layer)));
    return [...(block === null ? [] : [el('h3', {}, block)]), el('ul', {}, ...items)];
  }

  #row(layer) {
    const inputs = layer.inputs.map((name) => (name === INPUT ? t('viewer.input') : name)).join(', ');
    const facts = [layer.shape.join(' × '), t('viewer.from', { inputs })];
    if (layer.parameters) {
      facts.splice(1, 0, t('viewer.parameters', { count: layer.parameters.toLocaleString('en') }));
    }
    return el(
      'button',
      { type: 'button', 'data-layer': layer.name, onclick: () => this.#open(layer) },
      el('span', { class: 'name' }, layer.name),
      el('span', { class: 'kind soft' }, layer.kind),
      el('span', { class: 'facts soft' }, facts.join(' · ')),
    );
  }

  /** Mark the open layer, the only one that Tab reaches; the first one where it is not in the list. */
  #mark() {
    const rows = this.#rows();
    const open = rows.find(({ dataset }) => dataset.layer === this.#store.state.layer.name);
    for (const row of rows) {
      row.tabIndex = row === (open ?? rows[0]) ? 0 : -1;
      if (row === open) row.setAttribute('aria-current', 'true');
      else row.removeAttribute('aria-current');
    }
  }

  #move(event) {
    const rows = this.#rows();
    const at = rows.indexOf(document.activeElement);
    const target = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: rows.length - 1 }[event.key];
    if (at < 0 || !rows[target]) return;
    event.preventDefault();
    rows[at].tabIndex = -1;
    rows[target].tabIndex = 0;
    rows[target].focus();
  }

  #rows() {
    return [...this.#list.querySelectorAll('button')];
  }
}
