import { el } from '../lib/dom.js';
import { short } from '../lib/numbers.js';
import { t } from '../lib/i18n.js';
import { refusal } from './refusal.js';

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
    const shown = await this.#about(cell);
    if (!shown || this.#store.state.cell !== cell) return;
    this.#node.replaceChildren(...shown);
    this.#node.hidden = false;
  }

  /** The pieces, or why there are none; nothing for a layer that has none. */
  async #about(cell) {
    try {
      this.#layers ??= this.#api.patches().then(({ layers }) => layers);
      const layer = (await this.#layers).find(({ name }) => name === cell.layer);
      return layer && pieces(layer, cell);
    } catch (problem) {
      this.#layers = null; // asked for again with the next cell
      return [refusal(problem)];
    }
  }
}

function pieces(layer, cell) {
  const { channel } = cell;
  const tiles = layer.filters[channel].map((each, index) => tile(layer, channel, each, index));
  return [el('h3', {}, t('patches', cell)), el('ul', {}, ...tiles)];
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
