import { el, moveFocus } from '../lib/dom.js';
import { t } from '../lib/i18n.js';
import { search } from './layers.js';
import { layoutOf, svgPath } from './layout.js';
import { Previews } from './previews.js';

const SVG = 'http://www.w3.org/2000/svg';
const LONGEST_NAME = 10; // letters in a tile
const MARGIN = 12; // pixels beside what is scrolled to
const ALONG = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowDown: [0, 1], ArrowUp: [0, -1] };

/** The network from left to right: blocks as columns, which open to their layers, and their links. */
export class NetworkPicture {
  #store;
  #blocks;
  #layers;
  #previews;
  #choose;
  #title = el('h2', { id: 'flow-title', tabindex: '-1' });
  #field = el('input', {
    type: 'search',
    oninput: () => this.#find(),
    onkeydown: (event) => this.#next(event),
  });
  #matches = el('p', { class: 'soft', role: 'status' });
  #note = el('p', { class: 'soft' });
  #sheet = el('div', { class: 'sheet', onkeydown: (event) => this.#press(event) });
  #scroller = el('div', { class: 'scroller', role: 'group' }, this.#sheet);

  /** @param choose called with a layer that becomes the shown one. */
  constructor({ bar, middle }, { api, store, blocks, choose }) {
    this.#store = store;
    this.#blocks = blocks;
    this.#layers = blocks.flatMap(({ layers }) => layers);
    this.#choose = choose;
    bar.append(this.#title, this.#matches, this.#field);
    middle.append(this.#scroller, this.#note);
    this.#previews = new Previews({ api, root: this.#scroller });
    store.watch(['lang', 'open'], (state) => this.#draw(state));
    store.watch(['layer'], () => this.#mark());
    store.watch(['picture'], ({ picture }) => this.#previews.reset(picture));
  }

  #draw({ open }) {
    const counts = { layers: this.#layers.length, blocks: this.#blocks.length };
    this.#title.textContent = t('viewer.network', counts);
    this.#field.placeholder = t('viewer.search');
    this.#field.setAttribute('aria-label', t('viewer.search'));
    this.#scroller.setAttribute('aria-label', t('viewer.network.keys'));
    this.#note.textContent = t('viewer.network.how');
    const focused = document.activeElement?.dataset?.key;
    const { width, height, tiles, boxes, paths } = layoutOf(this.#blocks, open);
    const drawn = tiles.map((tile) => this.#tile(tile, open));
    const headed = new Set();
    const buttons = drawn.flatMap(({ node }, index) => {
      const box = boxes.find(({ block }) => block === tiles[index].block);
      if (!box || headed.has(box)) return [node];
      headed.add(box);
      return [this.#header(box), node];
    });
    this.#sheet.style.cssText = `width: ${width}px; height: ${height}px`;
    const frames = boxes.map((box) =>
      el('div', { class: 'box', 'data-id': box.block.id, style: rectangle(box) }),
    );
    this.#sheet.replaceChildren(...frames, links(paths, width, height), ...buttons);
    this.#previews.show(drawn);
    this.#find();
    this.#mark();
    if (focused) this.#button(focused)?.focus({ preventScroll: true });
  }

  #tile({ block, layer, name, maps, ...box }, open) {
    const isClosed = block.layers.length > 1 && !open.has(block.id);
    const canvas = el('canvas', { 'aria-hidden': 'true' });
    const shape = layer.shape.join(' × ');
    const what = isClosed ? t('viewer.block', { count: block.layers.length }) : layer.kind;
    const node = el(
      'button',
      {
        type: 'button',
        class: isClosed ? 'tile block' : 'tile',
        style: rectangle(box),
        title: `${isClosed ? name : layer.name}: ${what}, ${shape}`,
        'data-key': isClosed ? `block ${block.id}` : `layer ${layer.name}`,
        'data-layer': isClosed ? null : layer.name,
        'data-block': isClosed ? block.name : null,
        'aria-expanded': isClosed ? 'false' : null,
        onclick: () => (isClosed ? this.#show(block.shown) : this.#choose(layer)),
      },
      el('span', { class: 'unseen' }, name),
      el('span', { class: 'name', 'aria-hidden': 'true' }, shortened(name)),
      canvas,
      el('span', { class: 'unseen' }, what),
      el('span', { class: 'shape soft' }, layer.shape.join('×')),
    );
    return { node, canvas, layer, maps };
  }

  #header({ block, x, y, width }) {
    return el(
      'button',
      {
        type: 'button',
        class: 'header',
        style: `left: ${x}px; top: ${y}px; max-width: ${width}px`,
        'data-key': `block ${block.id}`,
        'data-block': block.name,
        'aria-expanded': 'true',
        onclick: () => this.#close(block),
      },
      block.name,
    );
  }

  /** Choose a layer and open its block. */
  #show(layer) {
    const block = this.#blocks.find(({ layers }) => layers.includes(layer));
    this.#choose(layer);
    if (block.layers.length > 1) this.#store.set({ open: new Set([...this.#store.state.open, block.id]) });
    this.#reveal(this.#sheet.querySelector(`.box[data-id="${CSS.escape(block.id)}"]`));
  }

  #close(block) {
    this.#store.set({ open: new Set([...this.#store.state.open].filter((id) => id !== block.id)) });
    this.#reveal(this.#button(`block ${block.id}`));
  }

  /** Scroll sideways to a part of the picture; to its start where it does not fit. */
  #reveal(node) {
    if (!node) return;
    const { scrollLeft, clientWidth } = this.#scroller;
    const [start, end] = [node.offsetLeft - MARGIN, node.offsetLeft + node.offsetWidth + MARGIN];
    if (start < scrollLeft || end - start > clientWidth) this.#scroller.scrollLeft = start;
    else if (end > scrollLeft + clientWidth) this.#scroller.scrollLeft = end - clientWidth;
  }

  /** Mark the shown layer, or the closed block that it is in: the only button that Tab reaches. */
  #mark() {
    const { layer } = this.#store.state;
    const { id } = this.#blocks.find(({ layers }) => layers.includes(layer));
    const shown = this.#button(`layer ${layer.name}`) ?? this.#button(`block ${id}`);
    for (const button of this.#buttons()) {
      button.tabIndex = button === shown ? 0 : -1;
      if (button === shown) button.setAttribute('aria-current', 'true');
      else button.removeAttribute('aria-current');
    }
  }

  /** Dim what the text in the field does not find. */
  #find() {
    const found = new Set(search(this.#layers, this.#field.value).map(({ name }) => name));
    const blocks = this.#blocks.filter(({ layers }) => layers.some(({ name }) => found.has(name)));
    const keys = new Set([
      ...blocks.map(({ id }) => `block ${id}`),
      ...[...found].map((name) => `layer ${name}`),
    ]);
    for (const button of this.#buttons()) button.classList.toggle('dim', !keys.has(button.dataset.key));
    const counts = { count: found.size, all: this.#layers.length };
    this.#matches.textContent = this.#field.value.trim() ? t('viewer.matches', counts) : '';
  }

  /** Show the next layer that the text in the field finds. */
  #next(event) {
    if (event.key !== 'Enter') return;
    const found = search(this.#layers, this.#field.value);
    if (!found.length) return;
    const layer = found[(found.indexOf(this.#store.state.layer) + 1) % found.length];
    this.#show(layer);
    this.#reveal(this.#button(`layer ${layer.name}`));
  }

  #press(event) {
    const { key, target } = event;
    if (key === 'Escape') {
      const { layer: name, key: own } = target.dataset;
      const { open } = this.#store.state;
      const block = this.#blocks.find(
        ({ id, layers }) =>
          open.has(id) && (own === `block ${id}` || layers.some((layer) => layer.name === name)),
      );
      if (!block) return;
      this.#button(`block ${block.id}`).focus();
      this.#close(block);
    } else this.#move(event);
  }

  /** Move the focus to the nearest button in a direction. */
  #move(event) {
    const buttons = this.#buttons();
    const ends = { Home: buttons[0], End: buttons.at(-1) };
    const to = ends[event.key] ?? (ALONG[event.key] && nearest(event.target, buttons, ALONG[event.key]));
    moveFocus(event, to);
  }

  #buttons() {
    return [...this.#sheet.querySelectorAll('button')];
  }

  #button(key) {
    return this.#buttons().find(({ dataset }) => dataset.key === key);
  }
}

/** Return a name without its middle where it is long, because numbers at the end tell names apart. */
function shortened(name) {
  return name.length > LONGEST_NAME ? `${name.slice(0, 4)}…${name.slice(-4)}` : name;
}

const rectangle = ({ x, y, width, height }) =>
  `left: ${x}px; top: ${y}px; width: ${width}px; height: ${height}px`;

function links(paths, width, height) {
  const svg = document.createElementNS(SVG, 'svg');
  const size = { width, height, 'aria-hidden': 'true' };
  for (const [name, value] of Object.entries(size)) svg.setAttribute(name, value);
  for (const path of paths) {
    const link = document.createElementNS(SVG, 'path');
    link.setAttribute('d', svgPath(path));
    svg.append(link);
  }
  return svg;
}

/** Return the button that is nearest in a direction, straight ahead before to the side. */
function nearest(from, buttons, [dx, dy]) {
  const middle = (node) => [node.offsetLeft + node.offsetWidth / 2, node.offsetTop + node.offsetHeight / 2];
  const [x, y] = middle(from);
  const distance = (node) => {
    const [right, down] = [middle(node)[0] - x, middle(node)[1] - y];
    const ahead = right * dx + down * dy;
    return ahead > 1 ? ahead + 3 * Math.abs(right * dy + down * dx) : Infinity;
  };
  const best = buttons.reduce((a, b) => (distance(b) < distance(a) ? b : a), from);
  return best === from ? null : best;
}
