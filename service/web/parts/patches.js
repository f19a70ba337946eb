import { el } from '../lib/dom.js';
import { short } from '../lib/numbers.js';
import { t } from '../lib/i18n.js';

const TILE = 56; // CSS pixels, at most

/** Under the selected cell of a convolution: the pieces of real test digits that fire its filter most. */
export class Patches {
  #api;
  #store;
  #layers = null; // asked for once, when a cell is first selected: a page need not wait for them
  #node = el('div', { class: 'patches', hidden: true });

  constructor(root, { api, store }) {
    this.#api = api;
    this.#store = store;
    root.append(this.#node);
    store.watch(['cell', 'values', 'lang'], () => this.#show());
  }

  async #show() {
    const { cell, values } = this.#store.state;
    this.#node.hidden = true;
    if (!values || !cell) return;
    this.#layers ??= this.#api.patches().then(({ layers }) => layers);
    const layer = (await this.#layers).find(({ name }) => name === cell.layer);
    if (!layer || this.#store.state.cell !== cell) return;
    const pieces = layer.filters[cell.channel].map((each, index) => tile(layer, cell.channel, each, index));
    this.#node.replaceChildren(el('h3', {}, t('patches', cell)), el('ul', {}, ...pieces));
    this.#node.hidden = false;
  }
}

/** One piece of the layer's sprite, enlarged by a whole factor. */
function tile({ size, filters, sprite }, channel, { digit, value }, index) {
  const [height, width] = size;
  const factor = Math.max(Math.floor(TILE / Math.max(height, width)), 1);
  const style = [
    `width: ${width * factor}px`,
    `height: ${height * factor}px`,
    `background-image: url(${sprite})`,
    `background-size: ${filters[channel].length * width * factor}px auto`,
    `background-position: ${-index * width * factor}px ${-channel * height * factor}px`,
  ].join('; ');
  const told = t('patches.one', { digit, value: short(value) });
  return el('li', {}, el('span', { class: 'patch', role: 'img', 'aria-label': told, style }), short(value));
}
