import { el } from '../lib/dom.js';
import { t } from '../lib/i18n.js';
import { short } from '../lib/numbers.js';
import { INPUT } from '../models/graph.js';
import { SCALES } from '../models/route.js';
import { legend } from '../parts/legend.js';
import { problemNote } from '../parts/problem.js';
import { choice } from '../parts/view.js';
import { ATLAS_STAGES, isDrawable, ORDERS } from './layers.js';
import { TileGrid } from './tile-grid.js';

/** One layer's values, drawn by the service page by page. */
export class AtlasView {
  #store;
  #root;
  #grid;
  #title = el('h2', { id: 'atlas-title', tabindex: '-1' });
  #facts = el('p', { class: 'soft' });
  #choices = el('div', { class: 'choices' });
  #image = el('img', { hidden: true });
  #note = el('div', { class: 'note-of-atlas' });
  #below = el('div', { class: 'below' });

  constructor(root, { store }) {
    this.#store = store;
    this.#root = root;
    const tiles = el('div', { class: 'tiles' }, this.#image);
    const frame = el('div', { class: 'atlas-frame' }, tiles, this.#note);
    root.append(el('div', { class: 'bar' }, this.#title, this.#facts), this.#choices, frame, this.#below);
    this.#grid = new TileGrid(tiles, { store });
    store.watch(['lang', 'layer', 'stage', 'scale', 'order'], (state) => this.#drawChoices(state));
    store.watch(['lang', 'layer', 'atlas', 'atlasProblem', 'picture'], (state) => this.#draw(state));
  }

  /** Scroll to the layer where it is out of sight, such as on a phone. */
  reveal() {
    const { top } = this.#root.getBoundingClientRect();
    if (top >= 0 && top < innerHeight * 0.9) return;
    this.#root.scrollIntoView({ block: 'start' });
    this.#title.focus({ preventScroll: true });
  }

  #drawChoices({ layer, stage, scale, order }) {
    const focused = document.activeElement?.id;
    this.#title.textContent = layer.name;
    const inputs = layer.inputs.map((name) => (name === INPUT ? t('viewer.input') : name)).join(', ');
    const { parameters } = layer;
    const facts = [layer.kind, layer.shape.join(' × '), t('viewer.from', { inputs })];
    if (parameters) facts.push(t('viewer.parameters', { count: parameters.toLocaleString('en') }));
    this.#facts.textContent = facts.join(' · ');
    const set = (changes) => this.#store.set({ ...changes, cell: null });
    const options = [choice('order', ORDERS, order, (value) => set({ order: value, page: 0 }))];
    if (layer.hasOwnPre)
      options.unshift(choice('stage', ATLAS_STAGES, stage, (value) => set({ stage: value })));
    if (layer.shape.length === 3)
      options.push(choice('scale', SCALES, scale, (value) => set({ scale: value })));
    this.#choices.replaceChildren(...(isDrawable(layer) ? options : []));
    if (focused?.startsWith('view-')) document.getElementById(focused)?.focus();
  }

  #draw({ layer, atlas, atlasProblem, picture }) {
    const isCurrent = atlas?.layer === layer.name;
    const isShown = isCurrent && isDrawable(layer);
    const isBusy = isDrawable(layer) && !atlasProblem && !(isCurrent && atlas.picture === picture);
    this.#root.setAttribute('aria-busy', String(Boolean(picture) && isBusy));
    this.#image.hidden = !atlas || !isDrawable(layer);
    this.#note.replaceChildren(...this.#reason(layer, atlasProblem, picture));
    this.#grid.draw(isShown ? atlas : null);
    if (!isShown) return this.#below.replaceChildren();
    const what = describe(atlas);
    this.#image.src = atlas.image;
    this.#image.alt = t('viewer.alt', { layer: atlas.layer, what });
    this.#image.width = size(atlas.columns, atlas.tile.width, atlas.tile.gap);
    const rows = Math.ceil(atlas.channels.length / atlas.columns);
    this.#image.height = size(rows, atlas.tile.height, atlas.tile.gap);
    this.#image.classList.toggle('enlarged', atlas.tile.height > atlas.shape[0]);
    return this.#drawBelow(atlas, what);
  }

  #reason(layer, problem, picture) {
    if (!isDrawable(layer)) {
      return [el('p', { class: 'soft' }, t('viewer.undrawable', { axes: layer.shape.length }))];
    }
    if (!picture) return [el('p', { class: 'soft' }, t('viewer.needs-picture'))];
    return problem ? [problemNote(problem)] : [];
  }

  #drawBelow(atlas, what) {
    const { low, high, limits, pages, page } = atlas;
    const focused = document.activeElement?.dataset?.page;
    const ends = (value) => (value === 0 ? '0' : value < 0 ? '−max' : 'max');
    const perMap = this.#store.state.scale === 'map' && atlas.shape.length === 3;
    this.#below.replaceChildren(
      legend(perMap ? 1 : limits[0], low < 0, perMap ? ends : short),
      el('p', { class: 'soft' }, `${what}. ${t('viewer.range', { low: short(low), high: short(high) })}`),
      ...(pages > 1 ? [this.#pager(page, pages)] : []),
    );
    const button = focused && this.#below.querySelector(`[data-page="${focused}"]:enabled`);
    (button || (focused && this.#below.querySelector('[data-page]:enabled')))?.focus();
    this.#store.set({ announcement: `${atlas.layer}: ${what}` });
  }

  #pager(page, pages) {
    const button = (name, target) =>
      el(
        'button',
        {
          type: 'button',
          'data-page': name,
          disabled: target < 0 || target >= pages,
          onclick: () => this.#store.set({ page: target, cell: null }),
        },
        t(`viewer.${name}`),
      );
    return el(
      'div',
      { class: 'pager', role: 'group', 'aria-label': t('viewer.pages') },
      button('previous', page - 1),
      el('span', {}, t('viewer.page', { page: page + 1, pages })),
      button('next', page + 1),
    );
  }
}

/** Return which channels or units an atlas shows. */
function describe({ channels, shape, order, page, pages }) {
  const isMap = shape.length === 3;
  const count = shape.at(-1);
  if (order === 'channel') {
    return t(isMap ? 'viewer.maps' : 'viewer.units', { first: channels[0], last: channels.at(-1), count });
  }
  const last = page + 1 === pages ? count : (page + 1) * channels.length;
  const range = { first: last - channels.length + 1, last, count };
  return t(isMap ? 'viewer.maps.strongest' : 'viewer.units.strongest', range);
}

/** Return the pixels of tiles beside each other with gaps between them. */
const size = (count, side, gap) => count * (side + gap) - gap;
