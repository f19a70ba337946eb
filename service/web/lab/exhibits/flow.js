import { el, number } from '../../lib/dom.js';
import { clamp } from '../../lib/math.js';
import { short } from '../../lib/numbers.js';
import { t } from '../../lib/i18n.js';
import { stepTo } from '../../models/layout.js';
import { nameOf } from '../../models/naming.js';
import { sheetPart } from '../../models/link.js';
import { button, Slider } from '../controls.js';
import { InputPanel } from '../input-panel.js';
import { FlowImage } from '../flow-image.js';
import { linksTo } from '../../models/links.js';
import { Weights } from '../../models/weights.js';

const LAYER_MS = 900;

/** An animation of the values of all layers, from the digit to the classes. */
export default class Flow {
  #context;
  #state;
  #inputPanel;
  #image;
  #weights = null;
  #links = [];
  #frame = null; // the request of the animation's next frame, while it plays
  #isReady = false;
  #pointed = null; // the tile {place, channel} under the pointer
  #parts;

  constructor(root, context) {
    this.#context = context;
    const { network } = context;
    const { length } = network.layers;
    const limits = { position: [0, length], place: [-1, length] };
    this.#state = context.settings({ position: length, place: -1, channel: 0 }, limits);
    this.#inputPanel = new InputPanel(context);
    const canvas = el('canvas', { 'aria-hidden': 'true' });
    this.#image = new FlowImage(canvas, network);
    this.#parts = {
      sheet: el(
        'div',
        { class: 'sheet', tabindex: 0, role: 'application', 'aria-label': t('lab.flow.name') },
        canvas,
      ),
      play: button('', () => this.#play(), { 'data-do': 'play', class: 'primary' }),
      slider: new Slider({
        name: 'position',
        label: t('lab.flow.position'),
        min: 0,
        max: length,
        step: 0.01,
        text: (position) => this.#layerAt(position),
        oninput: (position) => this.#seek(position),
      }),
      readout: el('p', { class: 'readout', role: 'status' }),
      summary: el('p', { class: 'soft' }),
    };
    this.#build(root);
    this.#state.watch(['position', 'place', 'channel'], () => this.#draw());
    this.#inputPanel.store.watch(['values'], () => this.#prepare());
    context.api
      .weights()
      .then((tensors) => {
        this.#weights = new Weights(tensors);
        this.#prepare();
      })
      .catch(context.showProblem);
    new ResizeObserver(() => this.#prepare()).observe(root);
  }

  leave() {
    this.#stop();
  }

  #build(root) {
    const { sheet, play, slider, readout, summary } = this.#parts;
    sheet.addEventListener('click', (event) =>
      this.#choose(this.#isReady ? this.#image.tileUnder(event) : null),
    );
    sheet.addEventListener('pointermove', (event) =>
      this.#point(this.#isReady ? this.#image.tileUnder(event) : null),
    );
    sheet.addEventListener('pointerleave', () => this.#point(null));
    sheet.addEventListener('keydown', (event) => this.#key(event));
    const flow = el('div', { class: 'flow' }, sheet);
    const beside = el('div', { class: 'beside' }, readout, summary);
    root.append(
      el('div', { class: 'controls' }, play, slider.node),
      flow,
      el('div', { class: 'bench-row' }, this.#inputPanel.node, beside),
    );
    this.#parts.flow = flow;
    this.#inputPanel.hideWithoutValues(sheet, beside);
  }

  #layerAt(position) {
    const { layers } = this.#context.network;
    return position < 1 ? t('input') : layers[Math.floor(position) - 1].name;
  }

  /** Lay out the layers and compute the lines, for another digit or another width. */
  #prepare() {
    const { values, digit } = this.#inputPanel.store.state;
    const width = this.#parts.flow.clientWidth;
    if (!values || !digit || !this.#weights || !width) return;
    const { network, manifest } = this.#context;
    const style = getComputedStyle(this.#parts.flow);
    const innerWidth = width - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight);
    this.#image.prepare({ values, digit, width: innerWidth });
    this.#links = network.layers.map((layer) =>
      linksTo(layer, { network, values, digit, weights: this.#weights }),
    );
    const count = network.layers.reduce((sum, layer) => sum + values.of(layer).length, 0);
    this.#parts.summary.textContent = t('lab.flow.summary', {
      parameters: manifest.parameters.toLocaleString('en'),
      values: count.toLocaleString('en'),
    });
    this.#isReady = true;
    this.#draw();
  }

  #draw() {
    const { position } = this.#state.state;
    const { place, channel } = this.#pointed ?? this.#state.state;
    this.#parts.slider.value = position;
    this.#parts.play.textContent = t(this.#frame ? 'lab.pause' : 'lab.play');
    if (!this.#isReady) return;
    const selected =
      place < 0 ? null : { place, channel: Math.min(channel, this.#image.grid(place).count - 1) };
    this.#image.draw({ position, links: this.#links, selected });
    this.#drawReadout(selected);
  }

  #drawReadout(selected) {
    const { readout } = this.#parts;
    if (!selected) {
      readout.textContent = t('lab.flow.pick');
      return;
    }
    const { network, store } = this.#context;
    const { values, digit, sheet } = this.#inputPanel.store.state;
    const layer = network.layers[selected.place - 1];
    const cell = layer ? values.strongest(layer, selected.channel) : null;
    if (!cell) {
      readout.textContent = t('digit.name');
      return;
    }
    const hash = new URLSearchParams({ ...sheetPart(sheet, digit), ...cell, lang: store.state.lang });
    const value = values.at(cell);
    const name = `${nameOf(cell, network, t)}: `;
    readout.replaceChildren(name, number(value, short(value)), ' · ', el('a', { href: `#${hash}` }, t('lab.flow.open')));
  }

  #play() {
    if (this.#frame) {
      this.#stop();
      this.#draw();
      return;
    }
    const { length } = this.#context.network.layers;
    if (this.#state.state.position >= length) this.#state.set({ position: 0 });
    const reducesMotion = matchMedia('(prefers-reduced-motion: reduce)').matches;
    let startTime = null;
    const start = this.#state.state.position;
    const step = (now) => {
      startTime ??= now;
      const next = start + (now - startTime) / LAYER_MS;
      // With reduced motion the animation shows one whole layer after the other.
      const position = Math.min(reducesMotion ? Math.floor(next) : next, length);
      this.#frame = position < length ? requestAnimationFrame(step) : null;
      this.#state.set({ position: Number(position.toFixed(2)) });
      if (!this.#frame) this.#draw();
    };
    this.#frame = requestAnimationFrame(step);
    this.#draw();
  }

  #stop() {
    cancelAnimationFrame(this.#frame);
    this.#frame = null;
  }

  #seek(position) {
    this.#stop();
    this.#state.set({ position });
    this.#draw();
  }

  /** Describe the tile under the pointer; without one, the selected tile again. */
  #point(tile) {
    const { place, channel } = this.#pointed ?? {};
    if (place === tile?.place && channel === tile?.channel) return;
    this.#pointed = tile;
    this.#draw();
  }

  /** Select a tile {place, channel}, or none with null, and stop the animation. */
  #choose(tile) {
    this.#stop();
    this.#pointed = null; // so that a key's selection is shown while the pointer rests on the image
    this.#state.set(tile ?? { place: -1 });
    this.#draw();
  }

  #key(event) {
    const { place, channel } = this.#state.state;
    if (event.key === ' ') this.#play();
    else {
      const from = Math.max(place, 0);
      const to = this.#isReady ? stepTo(this.#image.grid(from), channel, event.key) : null;
      if (to === null) return;
      const { length } = this.#context.network.layers;
      if (to !== channel || !['ArrowLeft', 'ArrowRight'].includes(event.key))
        this.#choose({ place: from, channel: to });
      else {
        const next = clamp(from + (event.key === 'ArrowLeft' ? -1 : 1), 0, length);
        this.#choose({ place: next, channel: 0 }); // At the edge the key moves to the next layer.
      }
    }
    event.preventDefault();
  }
}
