import { el, sharpContext, theme } from '../lib/dom.js';
import { Mosaic, outline } from '../lib/paint.js';
import { t } from '../lib/i18n.js';
import { focusOn } from '../models/focus.js';
import { channelAt, stepTo, tileAt, tiles } from '../models/layout.js';
import { DIGIT } from '../models/network.js';
import { facts } from './facts.js';
import { tileSource } from './tile-source.js';

const DIMMED = 0.4;
const KERNEL_SIZE = 48; // CSS pixels, so that single weights can be seen
const MARGIN = 4; // room for outlines around the outermost tiles

/** One layer: its name and facts, every map of it as a tile, its legend. */
export class Column {
  #store;
  #network;
  #layer; // null: the digit
  #open;
  #layout = null;
  #at = 0; // channel that the arrow keys are on
  #canvas = el('canvas', { 'aria-hidden': 'true' });
  #head = el('header', {});
  #note = el('p', { class: 'soft' });
  #foot = el('footer', {});
  #sheet;

  /** @param open cell → selects it; @param inward moves the keyboard on to the inspector. */
  constructor({ store, network, layer, open, inward }) {
    Object.assign(this, { name: layer?.name ?? DIGIT });
    this.#store = store;
    this.#network = network;
    this.#layer = layer;
    this.#open = open;
    this.#sheet = el('div', { class: 'sheet', tabindex: 0, role: 'application' }, this.#canvas);
    this.#sheet.addEventListener('click', (event) => this.#choose(this.#channelUnder(event)));
    this.#sheet.addEventListener('keydown', (event) => this.#key(event, inward));
    this.#sheet.addEventListener('focus', () => this.#draw(store.state));
    this.#sheet.addEventListener('blur', () => this.#draw(store.state));
    this.node = el(
      'section',
      { class: 'column', 'data-layer': this.name },
      this.#head,
      this.#sheet,
      this.#foot,
    );
    store.watch(['lang'], () => this.#tell());
    store.watch(['lang', 'values', 'stage'], (state) => this.#countDead(state));
    store.watch(['values', 'digit', 'stage', 'scale', 'weights', 'cell', 'hover', 'lang', 'dark'], (state) =>
      this.#draw(state),
    );
  }

  #tell() {
    const name = this.#layer ? this.name : t('input');
    this.#head.replaceChildren(...facts(this.#network, this.#layer), this.#note);
    this.#sheet.setAttribute('aria-label', t('column.name', { name, count: this.#count }));
  }

  #countDead({ values, stage }) {
    const layer = this.#layer;
    const counts = values && layer && !layer.isFlat && stage === 'post';
    const dead = counts ? values.dead(layer).reduce((sum, one) => sum + one, 0) : 0;
    this.#note.textContent = dead ? t('facts.dead', { count: dead }) : '';
  }

  get #count() {
    return this.#layer?.channels ?? this.#network.input.channels;
  }

  /** Whether kernels are shown here. */
  #shows(weights) {
    return this.#store.state.stage === 'weights' && this.#layer && weights?.has(this.#layer);
  }

  #draw(state) {
    const { weights } = state;
    const { height, width } = this.#network.input;
    const kernels = this.#shows(weights) ? weights.shape(this.#layer) : null;
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
    const lit = focusOn(this.#network, state.hover ?? state.cell);
    this.#tiles(context, source, lit);
    this.#marks(context, lit, kernels);
    if (!this.#layer) this.#edges(context);
    if (document.activeElement === this.#sheet) this.#frame(context, this.#at, theme('--accent'));
    this.#foot.replaceChildren(...(source?.legend ? [source.legend] : []));
  }

  #tiles(context, source, lit) {
    const { rows, columns, factor, width, height } = this.#layout;
    const mosaic = new Mosaic(width, height);
    const mine = lit?.[this.name];
    const [blank, dead, cross] = ['--blank', '--dead', '--soft'].map(theme);
    for (let channel = 0; channel < this.#count; channel++) {
      const { x, y } = tileAt(this.#layout, channel);
      const opacity = !lit || (mine && (mine.channel === null || mine.channel === channel)) ? 1 : DIMMED;
      const shown = source?.of(channel);
      context.globalAlpha = opacity;
      if (shown && !shown.dead) mosaic.put(shown.values, columns, shown.colour, { x, y, factor, opacity });
      else
        plate(
          context,
          { x, y, width: columns * factor, height: rows * factor },
          shown ? dead : blank,
          shown && cross,
        );
    }
    context.globalAlpha = 1;
    mosaic.draw(context);
  }

  /** The selected tile, or what it reads of these. */
  #marks(context, lit, kernels) {
    const mine = lit?.[this.name];
    const { cell, hover } = this.#store.state;
    if (!mine) return;
    if ((hover ?? cell).layer === this.name) {
      this.#at = mine.channel;
      this.#frame(context, mine.channel, theme('--mark'));
    } else if (mine.region && !kernels) {
      const { factor } = this.#layout;
      const channels =
        mine.channel === null ? Array.from({ length: this.#count }, (_, i) => i) : [mine.channel];
      const { top, left, height, width } = mine.region;
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

  /** Paper is as white as the page: its edge has to be drawn. */
  #edges(context) {
    const { rows, columns, factor } = this.#layout;
    context.lineWidth = 1;
    context.strokeStyle = theme('--line');
    for (let channel = 0; channel < this.#count; channel++) {
      const { x, y } = tileAt(this.#layout, channel);
      context.strokeRect(x - 0.5, y - 0.5, columns * factor + 1, rows * factor + 1);
    }
  }

  /** Which tile the selection, or the keyboard, is on. */
  #frame(context, channel, colour) {
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
    this.#at = channel;
    this.#open(this.#layer ? values.strongest(this.#layer, channel) : middle(this.#network.input, channel));
  }

  #key(event, inward) {
    if (event.key === 'Enter' || event.key === ' ') {
      this.#choose(this.#at);
      setTimeout(inward); // the inspector is drawn by then
    } else {
      const channel = stepTo(this.#layout, this.#at, event.key);
      if (channel === null) return;
      this.#choose(channel);
    }
    event.preventDefault();
  }
}

/** A tile without a picture: nothing yet, or (with a cross) dead. */
function plate(context, { x, y, width, height }, colour, cross) {
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

/** The digit stands larger than maps of its size. */
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
