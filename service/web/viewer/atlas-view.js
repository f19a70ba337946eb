import { el } from '../lib/dom.js';
import { t } from '../lib/i18n.js';
import { short } from '../lib/numbers.js';
import { SCALES } from '../models/route.js';
import { legend } from '../parts/legend.js';
import { problemNote } from '../parts/problem.js';
import { choice } from '../parts/view.js';
import { ATLAS_STAGES, isDrawable } from './layers.js';

/** One layer's values, drawn by the service page by page. */
export class AtlasView {
  #store;
  #root;
  #title = el('h2', { id: 'atlas-title', tabindex: '-1' });
  #facts = el('p', { class: 'soft' });
  #choices = el('div', { class: 'choices' });
  #image = el('img', { hidden: true });
  #note = el('div', { class: 'note-of-atlas' });
  #below = el('div', { class: 'below' });

  constructor(root, { store }) {
    this.#store = store;
    this.#root = root;
    const frame = el('div', { class: 'atlas-frame' }, this.#image, this.#note);
    root.append(this.#title, this.#facts, this.#choices, frame, this.#below);
    store.watch(['lang', 'layer', 'stage', 'scale'], (state) => this.#drawChoices(state));
    store.watch(['lang', 'layer', 'atlas', 'atlasProblem', 'picture'], (state) => this.#draw(state));
  }

  /** Scroll to the layer and focus its title where it is out of sight, such as on a phone. */
  reveal() {
    const { top } = this.#root.getBoundingClientRect();
    if (top >= 0 && top < innerHeight * 0.7) return;
    this.#root.scrollIntoView({ block: 'start' });
    this.#title.focus({ preventScroll: true });
  }

  #drawChoices({ layer, stage, scale }) {
    const focused = document.activeElement?.id;
    this.#title.textContent = layer.name;
    this.#facts.textContent = `${layer.kind} · ${layer.shape.join(' × ')}`;
    const set = (changes) => this.#store.set(changes);
    this.#choices.replaceChildren(
      ...(layer.hasOwnPre ? [choice('stage', ATLAS_STAGES, stage, (value) => set({ stage: value }))] : []),
      ...(layer.shape.length === 3
        ? [choice('scale', SCALES, scale, (value) => set({ scale: value }))]
        : []),
    );
    if (focused?.startsWith('view-')) document.getElementById(focused)?.focus();
  }

  #draw({ layer, atlas, atlasProblem, picture }) {
    const isCurrent = atlas?.layer === layer.name;
    this.#root.setAttribute('aria-busy', String(Boolean(picture) && isDrawable(layer) && !isCurrent));
    this.#image.hidden = !atlas || !isDrawable(layer);
    this.#note.replaceChildren(...this.#reason(layer, atlasProblem, picture));
    if (!isCurrent || !isDrawable(layer)) return this.#below.replaceChildren();
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
      el('p', { class: 'soft' }, what),
      el('p', { class: 'soft' }, t('viewer.range', { low: short(low), high: short(high) })),
      legend(perMap ? 1 : limits[0], low < 0, perMap ? ends : short),
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
          onclick: () => this.#store.set({ page: target }),
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
function describe({ channels, shape }) {
  const range = { first: channels[0], last: channels.at(-1), count: shape.at(-1) };
  return t(shape.length === 3 ? 'viewer.maps' : 'viewer.units', range);
}

/** Return the pixels of tiles beside each other with gaps between them. */
const size = (count, side, gap) => count * (side + gap) - gap;
