import { el } from '../lib/dom.js';
import { short } from '../lib/numbers.js';
import { t } from '../lib/i18n.js';
import { problemNote } from './problem.js';

const MAX_TILE_SIZE = 96; // CSS pixels

/** The patches of test digits with the strongest response of the selected convolution filter. */
export class Patches {
  #api;
  #store;
  #layers = null; // requested once they are to be shown, so that the page loads faster
  #node = el('div', { class: 'patches', hidden: true });

  constructor(root, { api, store }) {
    this.#api = api;
    this.#store = store;
    root.append(this.#node);
    store.watch(['cell', 'values', 'lang', 'tab'], () => this.#show());
  }

  async #show() {
    const { cell, values, tab } = this.#store.state;
    this.#node.hidden = tab !== 'examples' || !values || !cell;
    if (this.#node.hidden) return;
    const nodes = await this.#nodesFor(cell);
    if (this.#store.state.cell !== cell) return;
    this.#node.replaceChildren(...(nodes ?? [el('p', { class: 'soft' }, t('patches.none'))]));
  }

  /** Return the patches, or a problem; undefined for a layer without patches. */
  async #nodesFor(cell) {
    try {
      this.#layers ??= this.#api.patches().then(({ layers }) => layers);
      const layer = (await this.#layers).find(({ name }) => name === cell.layer);
      return layer && patches(layer, cell);
    } catch (problem) {
      this.#layers = null; // The next cell requests them again.
      return [problemNote(problem)];
    }
  }
}

function patches(layer, cell) {
  const { channel } = cell;
  const tiles = layer.filters[channel].map((each, index) => tile(layer, channel, each, index));
  return [el('h3', {}, t('patches', cell)), el('ul', {}, ...tiles)];
}

/** Create one patch of the layer's sprite, enlarged by a whole number. */
function tile({ size, filters, sprite }, channel, { digit, value }, index) {
  const [height, width] = size;
  const factor = Math.max(Math.floor(MAX_TILE_SIZE / Math.max(height, width)), 1);
  const style = [
    `width: ${width * factor}px`,
    `height: ${height * factor}px`,
    `background-image: url(${sprite})`,
    `background-size: ${filters[channel].length * width * factor}px auto`,
    `background-position: ${-index * width * factor}px ${-channel * height * factor}px`,
  ].join('; ');
  const label = t('patches.one', { digit, value: short(value) });
  return el('li', {}, el('span', { class: 'patch', role: 'img', 'aria-label': label, style }), short(value));
}
