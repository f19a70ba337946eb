import { el } from '../lib/dom.js';
import { short } from '../lib/numbers.js';
import { t } from '../lib/i18n.js';
import { nameOf } from '../models/naming.js';
import { DIGIT } from '../models/network.js';
import { intensities } from '../models/pixels.js';
import { Plane } from '../models/plane.js';
import { sameCell } from '../models/trail.js';
import { PlaneView } from './plane-view.js';

const SIDE = 140;
const DISTANCE = 14; // from the tile

/** Names the tile that is pointed at, with its strongest value, and shows it enlarged beside it. A
 * clicked map stays open, so that its cells can be pointed at and selected. The inspector shows the
 * same to keyboards and screen readers, so this is hidden from them.
 */
export class PopOver {
  #root;
  #store;
  #network;
  #columns;
  #title = el('strong', {});
  #value = el('span', { class: 'soft' });
  #view;
  #node;

  /** @param columns a Columns, whose tiles can be pointed at; @param select (cell) selects it. */
  constructor(root, { store, network, columns, select }) {
    this.#root = root;
    this.#store = store;
    this.#network = network;
    this.#columns = columns;
    this.#view = new PlaneView('pointed', () => SIDE, {
      isFocusable: false,
      onSelect: select,
      onHover: (hover) => !sameCell(hover, store.state.hover) && store.set({ hover }),
    });
    const content = [this.#title, this.#value, this.#view.node];
    this.#node = el('div', { class: 'pop-over', 'aria-hidden': 'true', hidden: true }, ...content);
    root.append(this.#node);
    const shown = ['pointed', 'opened', 'cell', 'hover', 'values', 'stage', 'dark', 'lang'];
    store.watch(shown, (state) => this.#draw(state));
    const close = () => store.set({ opened: null });
    addEventListener('keydown', ({ key }) => key === 'Escape' && close());
    document.addEventListener('click', ({ target }) => !target.closest('.pop-over, .sheet') && close());
  }

  #draw({ opened, values, stage, cell, hover, ...state }) {
    const pointed = opened ?? state.pointed;
    this.#node.classList.toggle('opened', Boolean(opened));
    const isClass = pointed && this.#network.hasClasses && pointed.layer === this.#network.last.name;
    this.#node.hidden = !pointed || !values || isClass || stage === 'weights';
    if (this.#node.hidden) return;
    const layer = pointed.layer === DIGIT ? null : this.#network.find(pointed.layer);
    const isUnit = Boolean(layer?.isFlat);
    const isIn = (each) => each?.layer === pointed.layer && each.channel === pointed.channel;
    const named = [hover, opened && cell].find(isIn) ?? this.#strongest(layer, pointed.channel);
    this.#title.textContent = nameOf(named, this.#network, t);
    this.#value.textContent = t('pointed.value', { value: short(this.#valueOf(layer, named)) });
    this.#view.node.hidden = isUnit;
    if (!isUnit) this.#drawPlane(layer, pointed.channel, named);
    this.#move(this.#columns.place(pointed));
  }

  #strongest(layer, channel) {
    const { values, digit } = this.#store.state;
    if (layer) return values.strongest(layer, channel);
    const { width, channels } = this.#network.input;
    const own = digit.pixels.filter((_, i) => i % channels === channel);
    const at = own.indexOf(Math.max(...own));
    return { layer: DIGIT, channel, row: Math.floor(at / width), column: at % width };
  }

  #valueOf(layer, cell) {
    const { values, digit, stage } = this.#store.state;
    if (layer) return values.at(cell, stage);
    const { width, channels } = this.#network.input;
    return intensities(digit)[(cell.row * width + cell.column) * channels + cell.channel];
  }

  #drawPlane(layer, channel, cell) {
    const { values, digit, stage, scale } = this.#store.state;
    const plane = new Plane({ network: this.#network, layer, channel });
    const limit = layer ? values.limit(layer, stage, scale === 'map' ? channel : null) : 1;
    this.#view.show({ plane, numbers: plane.values(values, digit, stage), limit, cell, label: '' });
  }

  /** Move beside a tile: to its right, or to its left where there is no room. */
  #move({ x, y, width, height }) {
    const { scrollLeft, clientWidth, clientHeight } = this.#root;
    const isRight = x + width + DISTANCE + this.#node.offsetWidth < scrollLeft + clientWidth;
    const left = isRight ? x + width + DISTANCE : x - DISTANCE - this.#node.offsetWidth;
    const top = Math.min(Math.max(y + height / 2 - this.#node.offsetHeight / 2, 4), clientHeight - this.#node.offsetHeight - 4);
    this.#node.style.transform = `translate(${left}px, ${top}px)`;
  }
}
