import { el, sharpContext, theme } from '../lib/dom.js';
import { sum } from '../lib/math.js';
import { Mosaic, outline } from '../lib/paint.js';
import { t } from '../lib/i18n.js';
import { focusOn } from '../models/focus.js';
import { channelAt, stepTo, tileAt, tiles } from '../models/layout.js';
import { DIGIT } from '../models/network.js';
import { facts } from './facts.js';
import { tileSource } from './tile-source.js';

const DIMMED = 0.4;
const KERNEL_SIZE = 48; // CSS pixels, so that single weights are visible
const MARGIN = 4; // space for outlines around the outermost tiles

/** One layer: its name and facts, each of its maps as a tile, and a legend. */
export class Column {
  #store;
  #network;
  #layer; // null: the digit
  #open;
  #layout = null;
  #cursor = 0; // the channel that the arrow keys start from
  #canvas = el('canvas', { 'aria-hidden': 'true' });
  #head = el('header', {});
  #note = el('p', { class: 'soft' });
  #foot = el('footer', {});
  #sheet;

  /** @param open (cell) selects a cell; @param focusInspector moves the focus to the inspector. */
  constructor({ store, network, layer, open, focusInspector }) {
    Object.assign(this, { name: layer?.name ?? DIGIT });
    this.#store = store;
    this.#network = network;
    this.#layer = layer;
    this.#open = open;
    this.#sheet = el('div', { class: 'sheet', tabindex: 0, role: 'application' }, this.#canvas);
    this.#sheet.addEventListener('click', (event) => this.#choose(this.#channelUnder(event)));
    this.#sheet.addEventListener('keydown', (event) => this.#key(event, focusInspector));
    this.#sheet.addEventListener('focus', () => this.#draw(store.state));
    this.#sheet.addEventListener('blur', () => this.#draw(store.state));
    this.node = el(
      'section',
      { class: 'column', 'data-layer': this.name },
      this.#head,
      this.#sheet,
      this.#foot,
    );
    store.watch(['lang'], () => this.#drawTexts());
    store.watch(['lang', 'values', 'stage'], (state) => this.#countInactive(state));
    store.watch(['values', 'digit', 'stage', 'scale', 'weights', 'cell', 'hover', 'lang', 'dark'], (state) =>
      this.#draw(state),
    );
  }

  #drawTexts() {
    const name = this.#layer ? this.name : t('input');
    this.#head.replaceChildren(...facts(this.#network, this.#layer), this.#note);
    this.#sheet.setAttribute('aria-label', t('column.name', { name, count: this.#count }));
  }

  #countInactive({ values, stage }) {
    const layer = this.#layer;
    const hasMaps = values && layer && !layer.isFlat && stage === 'post';
    const count = hasMaps ? sum(values.inactive(layer)) : 0;
    this.#note.textContent = count ? t('facts.dead', { count }) : '';
  }

  get #count() {
    return this.#layer?.channels ?? this.#network.input.channels;
  }

  /** Whether the column shows kernels. */
  #showsKernels(weights) {
    return this.#store.state.stage === 'weights' && this.#layer && weights?.has(this.#layer);
  }

  #draw(state) {
    const { weights } = state;
    const { height, width } = this.#network.input;
    const kernels = this.#showsKernels(weights) ? weights.shape(this.#layer) : null;
    const { rows, columns } = kernels ?? this.#layer ?? { rows: height, columns: width };
    this.#layout = kernels
      ? tiles(this.#count, rows, columns, KERNEL_SIZE)
      : tiles(this.#count, rows, columns);
    if (!this.#layer) this.#layout = enlarge(this.#layout);
    const context = sharpContext(
      this.#canvas,
      this.#layout.width + 2 * MARGIN,
      this.#layout.height + 2 * MARGIN,
    );
    context.translate(MARGIN, MARGIN);
    const source = tileSource(this.#network, this.#layer, state);
    const focus = focusOn(this.#network, state.hover ?? state.cell);
    this.#drawTiles(context, source, focus);
    this.#drawMarks(context, focus, kernels);
    if (!this.#layer) this.#drawEdges(context);
    if (document.activeElement === this.#sheet) this.#outlineTile(context, this.#cursor, theme('--accent'));
    this.#foot.replaceChildren(...(source?.legend ? [source.legend] : []));
  }

  #drawTiles(context, source, focus) {
    const { rows, columns, factor, width, height } = this.#layout;
    const mosaic = new Mosaic(width, height);
    const own = focus?.[this.name];
    const [blank, inactive, cross] = ['--blank', '--inactive', '--soft'].map(theme);
    for (let channel = 0; channel < this.#count; channel++) {
      const { x, y } = tileAt(this.#layout, channel);
      const opacity = !focus || (own && (own.channel === null || own.channel === channel)) ? 1 : DIMMED;
      const tile = source?.of(channel);
      context.globalAlpha = opacity;
      if (tile && !tile.isInactive) mosaic.put(tile.values, columns, tile.colour, { x, y, factor, opacity });
      else
        fillTile(
          context,
          { x, y, width: columns * factor, height: rows * factor },
          tile ? inactive : blank,
          tile && cross,
        );
    }
    context.globalAlpha = 1;
    mosaic.draw(context);
  }

  /** Outline the selected tile, or the regions of these tiles that the selected cell reads. */
  #drawMarks(context, focus, kernels) {
    const own = focus?.[this.name];
    const { cell, hover } = this.#store.state;
    if (!own) return;
    if ((hover ?? cell).layer === this.name) {
      this.#cursor = own.channel;
      this.#outlineTile(context, own.channel, theme('--mark'));
    } else if (own.region && !kernels) {
      const { factor } = this.#layout;
      const channels =
        own.channel === null ? Array.from({ length: this.#count }, (_, i) => i) : [own.channel];
      const { top, left, height, width } = own.region;
      for (const channel of channels) {
        const { x, y } = tileAt(this.#layout, channel);
        outline(
          context,
          x + left * factor,
          y + top * factor,
          width * factor,
          height * factor,
          theme('--mark'),
          1,
        );
      }
    }
  }

  /** Draw the edges of the digit, because its background is as white as the page. */
  #drawEdges(context) {
    const { rows, columns, factor } = this.#layout;
    context.lineWidth = 1;
    context.strokeStyle = theme('--line');
    for (let channel = 0; channel < this.#count; channel++) {
      const { x, y } = tileAt(this.#layout, channel);
      context.strokeRect(x - 0.5, y - 0.5, columns * factor + 1, rows * factor + 1);
    }
  }

  #outlineTile(context, channel, colour) {
    const { rows, columns, factor } = this.#layout;
    const { x, y } = tileAt(this.#layout, channel);
    outline(context, x, y, columns * factor, rows * factor, colour);
  }

  #channelUnder({ clientX, clientY }) {
    const box = this.#canvas.getBoundingClientRect();
    return channelAt(this.#layout, clientX - box.left - MARGIN, clientY - box.top - MARGIN);
  }

  #choose(channel) {
    const { values } = this.#store.state;
    if (channel === null || !values) return;
    this.#cursor = channel;
    this.#open(this.#layer ? values.strongest(this.#layer, channel) : middle(this.#network.input, channel));
  }

  #key(event, focusInspector) {
    if (event.key === 'Enter' || event.key === ' ') {
      this.#choose(this.#cursor);
      setTimeout(focusInspector); // The inspector is drawn first.
    } else {
      const channel = stepTo(this.#layout, this.#cursor, event.key);
      if (channel === null) return;
      this.#choose(channel);
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

/** Enlarge the digit's tiles beyond those of maps of the same size. */
function enlarge({ count, rows, columns }) {
  const factor = Math.max(1, Math.floor(84 / Math.max(rows, columns)));
  const pitch = { x: columns * factor, y: rows * factor + 4 };
  return {
    count,
    rows,
    columns,
    factor,
    across: 1,
    down: count,
    pitch,
    width: pitch.x,
    height: count * pitch.y - 4,
  };
}

function middle({ height, width }, channel) {
  return { layer: DIGIT, channel, row: height >> 1, column: width >> 1 };
}
