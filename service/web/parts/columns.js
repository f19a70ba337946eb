import { el } from '../lib/dom.js';
import { DIGIT } from '../models/network.js';
import { pictureLayout } from '../models/layout.js';
import { Classes } from './classes.js';
import { Column, MARGIN } from './column.js';
import { problemNote } from './problem.js';

const LEAST_HEIGHT = 200; // of the tiles, CSS pixels

/** The main picture: the network from the input to the classes, one column per layer, built from the
 * manifest alone.
 */
export class Columns {
  #root;
  #store;
  #columns;
  #classes = null;
  #onLay = []; // what is drawn over the picture after it was laid out
  #offsets = {}; // of each column's tiles, read again after the page may have moved them

  constructor(root, { store, network, trail }) {
    this.#root = root;
    this.#store = store;
    const tiled = network.hasClasses ? network.layers.slice(0, -1) : network.layers;
    this.#columns = [null, ...tiled].map((layer) => {
      const name = layer?.name ?? DIGIT;
      const actions = {
        select: (cell) => {
          trail.go(cell);
          store.set({ opened: layer?.isFlat ? null : { layer: name, channel: cell.channel } });
        },
        focusInspector: () => document.querySelector('#inspector [data-plane="focus"]')?.focus(),
        point: (channel) => this.#point(channel === null ? null : { layer: name, channel }),
      };
      return new Column({ store, network, layer, actions });
    });
    if (network.hasClasses) {
      this.#classes = new Classes({
        store,
        network,
        open: (cell) => trail.go(cell),
        point: (channel) => this.#point(channel === null ? null : { layer: network.last.name, channel }),
      });
    }
    store.watch(['values', 'lang', 'stage'], () => {
      this.#offsets = {};
    });
    root.append(...this.#all.map(({ node }) => node));
    new ResizeObserver(() => this.#lay()).observe(root);
    store.watch(['stage', 'weights', 'lang'], () => this.#lay());
    store.watch(['cell'], ({ cell }) => this.#scrollTo(cell));
  }

  get #all() {
    return this.#classes ? [...this.#columns, this.#classes] : this.#columns;
  }

  /** Lay out all columns for the room that the page has. */
  #lay() {
    const root = this.#root;
    if (!root.clientWidth) return;
    const style = getComputedStyle(root);
    const inner = root.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight);
    const classes = this.#classes?.node.offsetWidth ?? 0;
    const around = Math.max(...this.#columns.map(({ node: { firstChild, lastChild } }) => firstChild.offsetHeight + lastChild.offsetHeight));
    const height = Math.max(root.clientHeight - around - 16, LEAST_HEIGHT);
    const sizes = this.#columns.map(({ size }) => size);
    const { layouts, gap } = pictureLayout(sizes, { width: inner - classes - 2 * MARGIN * sizes.length, height });
    root.style.setProperty('--column-gap', `${gap}px`);
    this.#columns.forEach((column, i) => column.lay(layouts[i]));
    this.#offsets = {};
    for (const draw of this.#onLay) draw();
  }

  /** Call a function now and whenever the picture is laid out again. */
  whenLaidOut(draw) {
    this.#onLay.push(draw);
    draw();
  }

  /** Return where a channel of a layer is drawn: {x, y, width, height} from the corner of the root. */
  place({ layer, channel }) {
    const column = this.#all.find(({ name }) => name === layer);
    const sheet = column.node.querySelector('.sheet, .classes');
    const { x, y } = (this.#offsets[layer] ??= { x: sheet.offsetLeft, y: sheet.offsetTop });
    const box = column.tile(channel);
    return { ...box, x: x + box.x, y: y + box.y };
  }

  #point(pointed) {
    const now = this.#store.state.pointed;
    if (pointed?.layer !== now?.layer || pointed?.channel !== now?.channel) this.#store.set({ pointed });
  }

  /** Load the weights when the kernels are to be shown, unless they were loaded before. */
  loadKernelsWith(local) {
    const note = el('div', {});
    this.#root.before(note);
    this.#store.watch(['stage'], async ({ stage, weights }) => {
      note.replaceChildren();
      if (stage !== 'weights' || weights) return;
      try {
        await local.load();
      } catch (problem) {
        if (this.#store.state.stage === 'weights') note.replaceChildren(problemNote(problem));
      }
    });
  }

  /** Scroll a cell's column into view horizontally; the page itself does not scroll. */
  #scrollTo(cell) {
    const root = this.#root;
    const node = cell && cell.layer !== DIGIT && root.querySelector(`[data-layer="${CSS.escape(cell.layer)}"]`);
    if (!node || root.scrollWidth <= root.clientWidth) return;
    const left = node.offsetLeft;
    if (left >= root.scrollLeft && left + node.offsetWidth <= root.scrollLeft + root.clientWidth) return;
    root.scrollTo({ left: left - (root.clientWidth - node.offsetWidth) / 2 });
  }
}
