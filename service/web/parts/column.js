import { el, sharpContext, theme } from '../lib/dom.js';
import { Mosaic, outline } from '../lib/paint.js';
import { t } from '../lib/i18n.js';
import { channelAt, stepTo, tileAt } from '../models/layout.js';
import { DIGIT } from '../models/network.js';
import { facts } from './facts.js';
import { legend } from './legend.js';
import { tileSource } from './tile-source.js';

const NO_KERNELS = { count: 1, rows: 1, columns: 1, least: 0 }; // one blank tile
const NARROW = 50; // CSS pixels: below, the kind of layer is named on hover only
export const MARGIN = 3; // space for outlines around the outermost tiles

/** One layer of the main picture: its name and facts, each of its maps as a tile, and a legend. */
export class Column {
  #store;
  #network;
  #layer; // null: the digit
  #actions;
  #layout = null;
  #cursor = 0; // the channel that the arrow keys start from
  #canvas = el('canvas', { 'aria-hidden': 'true' });
  #head = el('header', {});
  #foot = el('footer', {});
  #shownLegend = null;
  #sheet;

  /** @param actions {select(cell), focusInspector(), point(channel or null)} */
  constructor({ store, network, layer, actions }) {
    this.name = layer?.name ?? DIGIT;
    this.#store = store;
    this.#network = network;
    this.#layer = layer;
    this.#actions = actions;
    this.#sheet = el('div', { class: 'sheet', tabindex: 0, role: 'application' }, this.#canvas);
    this.#listen(this.#sheet);
    this.node = el(
      'section',
      { class: 'column', 'data-layer': this.name },
      this.#head,
      this.#sheet,
      this.#foot,
    );
    store.watch(['lang'], () => this.#drawTexts());
    const drawn = ['values', 'digit', 'stage', 'scale', 'weights', 'cell', 'hover', 'lang', 'dark', 'changes'];
    store.watch(drawn, (state) => this.#draw(state));
  }

  /** Return how many tiles the column has, of how many cells; kernels where it shows them. */
  get size() {
    const { height, width } = this.#network.input;
    const kernels = this.#kernels;
    const { stage, weights } = this.#store.state;
    if (stage === 'weights' && weights && this.#layer && !kernels) return NO_KERNELS;
    const { rows, columns } = kernels ?? this.#layer ?? { rows: height, columns: width };
    return { count: this.#count, rows, columns, least: kernels ? Math.max(rows, columns) : 0 };
  }

  /** Draw the tiles in a layout (models/layout.js). */
  lay(layout) {
    this.#layout = layout;
    this.node.classList.toggle('narrow', layout.width < NARROW);
    this.#draw(this.#store.state);
  }

  /** Return where a channel's tile is: {x, y, width, height} from the corner of the sheet. */
  tile(channel) {
    const { rows, columns, factor } = this.#layout;
    const { x, y } = tileAt(this.#layout, channel);
    return { x: x + MARGIN, y: y + MARGIN, width: columns * factor, height: rows * factor };
  }

  #listen(sheet) {
    const { focusInspector, point } = this.#actions;
    sheet.addEventListener('click', (event) => this.#choose(this.#channelUnder(event)));
    sheet.addEventListener('keydown', (event) => this.#key(event, focusInspector));
    sheet.addEventListener('pointermove', (event) => point(this.#channelUnder(event)));
    sheet.addEventListener('pointerleave', () => point(null));
    sheet.addEventListener('focus', () => this.#draw(this.#store.state));
    sheet.addEventListener('blur', () => {
      point(null);
      this.#draw(this.#store.state);
    });
  }

  #drawTexts() {
    const name = this.#layer ? this.name : t('input');
    this.#head.replaceChildren(...facts(this.#network, this.#layer));
    this.#sheet.setAttribute('aria-label', t('column.name', { name, count: this.#count }));
  }

  get #count() {
    return this.#layer?.channels ?? this.#network.input.channels;
  }

  /** The shape of the kernels that the column shows; null where it shows values. */
  get #kernels() {
    const { stage, weights } = this.#store.state;
    const shows = stage === 'weights' && this.#layer && weights?.has(this.#layer);
    return shows ? weights.shape(this.#layer) : null;
  }

  #draw(state) {
    const { count, rows, columns } = this.size;
    // After a change between values and kernels, the picture is laid out again before it is drawn.
    const layout = this.#layout;
    if (layout?.count !== count || layout.rows !== rows || layout.columns !== columns) return;
    const context = sharpContext(
      this.#canvas,
      this.#layout.width + 2 * MARGIN,
      this.#layout.height + 2 * MARGIN,
    );
    context.translate(MARGIN, MARGIN);
    const source = tileSource(this.#network, this.#layer, state);
    this.#drawTiles(context, source);
    this.#drawMarks(context, this.#network.focus(state.hover ?? state.cell));
    this.#drawChanges(context, state);
    if (!this.#layer) this.#drawEdges(context);
    if (document.activeElement === this.#sheet) this.#outlineTile(context, this.#cursor, theme('--accent'));
    this.#drawLegend(source?.legend ?? null, state);
  }

  #drawTiles(context, source) {
    const { count, rows, columns, factor, width, height } = this.#layout;
    const mosaic = new Mosaic(width, height);
    const [blank, inactive, cross] = ['--blank', '--inactive', '--soft'].map(theme);
    for (let channel = 0; channel < count; channel++) {
      const { x, y } = tileAt(this.#layout, channel);
      const tile = source?.of(channel);
      if (tile && !tile.isInactive) mosaic.put(tile.values, columns, tile.colour, { x, y, factor, opacity: 1 });
      else {
        const box = { x, y, width: columns * factor, height: rows * factor };
        fillTile(context, box, tile ? inactive : blank, tile && cross);
      }
    }
    mosaic.draw(context);
  }

  /** Show the colours' scale; it is built again only where it differs, because a stroke changes it often. */
  #drawLegend(scale, { lang, dark }) {
    const key = scale && JSON.stringify([scale, lang, dark]);
    if (key === this.#shownLegend) return;
    this.#shownLegend = key;
    const { limit, isDiverging, channel } = scale ?? {};
    const text = this.#layer?.isFlat ? 'legend.unit' : 'legend.map';
    this.#foot.replaceChildren(
      ...(scale ? [legend(limit, isDiverging)] : []),
      ...((channel ?? null) === null ? [] : [el('p', { class: 'soft' }, t(text, { channel }))]),
    );
  }

  /** Outline the selected tile, or the regions of these tiles that the selected cell reads. */
  #drawMarks(context, focus) {
    const own = focus?.[this.name];
    const { cell, hover } = this.#store.state;
    if (!own) return;
    const mark = theme('--mark');
    if ((hover ?? cell).layer === this.name) {
      this.#cursor = own.channel;
      this.#outlineTile(context, own.channel, mark);
    } else if (own.region && !this.#kernels) {
      const { factor } = this.#layout;
      const all = Array.from({ length: this.#count }, (_, i) => i);
      const { top, left, height, width } = own.region;
      for (const channel of own.channel === null ? all : [own.channel]) {
        const { x, y } = tileAt(this.#layout, channel);
        outline(context, x + left * factor, y + top * factor, width * factor, height * factor, mark, 1);
      }
    }
  }

  /** Mark the channels that are changed: with a line through those that are silenced, else a frame. */
  #drawChanges(context, { changes }) {
    const colour = theme('--changed');
    for (const { kind, layer, channel } of changes) {
      if (layer !== this.name || channel === undefined) continue;
      this.#outlineTile(context, channel, colour);
      if (kind !== 'silence') continue;
      const { x, y, width, height } = this.tile(channel);
      context.beginPath();
      context.moveTo(x - MARGIN, y - MARGIN + height);
      context.lineTo(x - MARGIN + width, y - MARGIN);
      context.stroke();
    }
  }

  /** Draw the edges of the digit, because its background is as white as the page. */
  #drawEdges(context) {
    context.lineWidth = 1;
    context.strokeStyle = theme('--line');
    for (let channel = 0; channel < this.#count; channel++) {
      const { x, y, width, height } = this.tile(channel);
      context.strokeRect(x - MARGIN - 0.5, y - MARGIN - 0.5, width + 1, height + 1);
    }
  }

  #outlineTile(context, channel, colour) {
    const { x, y, width, height } = this.tile(channel);
    outline(context, x - MARGIN, y - MARGIN, width, height, colour);
  }

  #channelUnder({ clientX, clientY }) {
    const box = this.#canvas.getBoundingClientRect();
    return channelAt(this.#layout, clientX - box.left - MARGIN, clientY - box.top - MARGIN);
  }

  #choose(channel) {
    const { values } = this.#store.state;
    if (channel === null || !values) return;
    this.#cursor = channel;
    const cell = this.#layer ? values.strongest(this.#layer, channel) : middle(this.#network.input, channel);
    this.#actions.select(cell);
  }

  #key(event, focusInspector) {
    if (event.key === 'Enter' || event.key === ' ') {
      this.#choose(this.#cursor);
      setTimeout(focusInspector); // The inspector is drawn first.
    } else {
      const channel = stepTo(this.#layout, this.#cursor, event.key);
      if (channel === null) return;
      this.#choose(channel);
      this.#actions.point(channel);
    }
    event.preventDefault();
  }
}

/** Fill a tile that shows no values: blank, or with a cross where the map is inactive. */
function fillTile(context, { x, y, width, height }, colour, cross) {
  context.fillStyle = colour;
  context.fillRect(x, y, width, height);
  if (!cross) return;
  context.strokeStyle = cross;
  context.lineWidth = 1;
  context.beginPath();
  for (const [from, to] of [
    [0.3, 0.7],
    [0.7, 0.3],
  ]) {
    context.moveTo(x + 0.3 * width, y + from * height);
    context.lineTo(x + 0.7 * width, y + to * height);
  }
  context.stroke();
}

function middle({ height, width }, channel) {
  return { layer: DIGIT, channel, row: height >> 1, column: width >> 1 };
}
