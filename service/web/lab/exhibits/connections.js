import { css } from '../../lib/colours.js';
import { el, number, sharpContext, theme } from '../../lib/dom.js';
import { clamp } from '../../lib/math.js';
import { t } from '../../lib/i18n.js';
import { outputSize, parameterCounts } from '../arithmetic.js';
import { figure, select, Slider } from '../controls.js';
import { isPlainConvolution } from '../network-parts.js';

const KINDS = ['full', 'local', 'shared'];
const INPUTS = 9; // of the drawing
const WINDOW = 3;
const OUTPUTS = INPUTS - WINDOW + 1;
const DRAWING = { width: 280, height: 230, top: 34, bottom: 196 };
const SHADES = 21; // colours for the weights, assigned in turn
const NUMBERS = { size: [1, 64], channels: [1, 64], kernel: [1, 11], filters: [1, 128] };

/** One layer connected in three ways, with the number of parameters that each needs. */
export default class Connections {
  #context;
  #state;
  #layers;
  #parts;

  constructor(root, context) {
    this.#context = context;
    this.#layers = context.network.layers.filter((layer) => isPlainConvolution(layer) && isSquare(layer));
    const [first] = this.#layers;
    const start = first ? numbersOf(first) : { size: 28, channels: 1, kernel: 3, filters: 32 };
    const limits = { ...NUMBERS, unit: [0, OUTPUTS - 1] };
    this.#state = context.settings({ ...start, unit: Math.floor(OUTPUTS / 2) }, limits);
    this.#parts = {
      layers: el('div', { class: 'controls' }),
      sliders: Object.entries(NUMBERS).map(([name, [min, max]]) => [
        name,
        new Slider({
          name,
          label: t(`lab.connections.${name}`),
          min,
          max,
          oninput: (value) => this.#state.set({ [name]: value }),
        }),
      ]),
      drawings: KINDS.map((kind) => [kind, el('canvas', { 'aria-hidden': 'true' })]),
      counts: KINDS.map((kind) => [kind, el('div', { class: 'result' })]),
      readout: el('p', { class: 'readout' }),
    };
    this.#build(root);
    this.#state.watch([...Object.keys(NUMBERS), 'unit'], () => this.#draw());
  }

  #build(root) {
    const { layers, sliders, drawings, counts, readout } = this.#parts;
    const figures = drawings.map(([kind, canvas], i) => {
      const wires = el(
        'div',
        { class: 'wires', tabindex: 0, role: 'application', 'data-wires': kind },
        canvas,
      );
      wires.addEventListener('pointermove', (event) => this.#point(event, canvas));
      wires.addEventListener('pointerdown', (event) => this.#point(event, canvas));
      wires.addEventListener('keydown', (event) => this.#key(event));
      return figure(t(`lab.connections.${kind}`), wires, counts[i][1]);
    });
    root.append(
      layers,
      el('div', { class: 'sliders' }, ...sliders.map(([, slider]) => slider.node)),
      readout,
      el('div', { class: 'bench-row three' }, ...figures),
      el(
        'p',
        { class: 'soft' },
        t('lab.connections.drawing', { inputs: INPUTS, outputs: OUTPUTS, window: WINDOW }),
      ),
    );
  }

  #point({ clientX }, canvas) {
    const box = canvas.getBoundingClientRect();
    const unit = Math.round((clientX - box.left - unitX(0)) / (unitX(1) - unitX(0)));
    this.#state.set({ unit: clamp(unit, 0, OUTPUTS - 1) });
  }

  #key(event) {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!step) return;
    event.preventDefault();
    this.#state.set({ unit: clamp(this.#state.state.unit + step, 0, OUTPUTS - 1) });
  }

  #draw() {
    const { state } = this.#state;
    const { readout } = this.#parts;
    const { size, channels, kernel, filters, unit } = state;
    for (const [name, slider] of this.#parts.sliders) slider.value = state[name];
    this.#drawLayers(state);
    const { output, error } = outputSize({ size, kernel, padding: 0, stride: 1 });
    for (const [kind, canvas] of this.#parts.drawings) {
      drawConnections(canvas, kind, unit);
      canvas.parentElement.setAttribute(
        'aria-label',
        t(`lab.connections.${kind}.label`, { unit, inputs: INPUTS, window: WINDOW }),
      );
    }
    readout.classList.toggle('warning', Boolean(error));
    for (const [, node] of this.#parts.counts) node.replaceChildren();
    if (error) {
      const name = error === 'fit' ? 'lab.connections.fit' : `lab.stride.error.${error}`;
      readout.textContent = t(name, { kernel, size });
      this.#context.announce(readout.textContent);
      return;
    }
    readout.textContent = t('lab.connections.shapes', {
      input: `${size} × ${size} × ${channels}`,
      output: `${output} × ${output} × ${filters}`,
    });
    const counts = parameterCounts({
      inputs: [size, size, channels],
      outputs: [output, output, filters],
      window: [kernel, kernel],
    });
    const perFilter = `(${kernel}·${kernel}·${channels} + 1)`;
    const sums = {
      full: `(${size}·${size}·${channels} + 1) · ${output}·${output}·${filters}`,
      local: `${perFilter} · ${output}·${output}·${filters}`,
      shared: `${perFilter} · ${filters}`,
    };
    for (const [kind, node] of this.#parts.counts) {
      node.append(
        number(counts[kind], counts[kind].toLocaleString('en'), { class: 'large', 'data-role': kind }),
        el('span', { class: 'soft' }, `${sums[kind]}`),
      );
    }
    this.#context.announce(KINDS.map((kind) => counts[kind].toLocaleString('en')).join(' / '));
  }

  #drawLayers(state) {
    if (!this.#layers.length || this.#parts.layers.contains(document.activeElement)) return;
    const selected = this.#layers.find((layer) =>
      Object.entries(numbersOf(layer)).every(([name, value]) => state[name] === value),
    );
    this.#parts.layers.replaceChildren(
      select(
        t('lab.connections.layer'),
        [...this.#layers.map(({ name }) => [name, name]), ['', t('lab.connections.own')]],
        selected?.name ?? '',
        (name) => name && this.#state.set(numbersOf(this.#context.network.find(name))),
      ),
    );
  }
}

const isSquare = ({ inputShape: [rows, columns], kernelSize }) =>
  rows === columns && kernelSize[0] === kernelSize[1];

const numbersOf = (layer) => ({
  size: layer.inputShape[0],
  channels: layer.inputShape[2],
  kernel: layer.kernelSize[0],
  filters: layer.channels,
});

const inputX = (i) => 16 + (i * (DRAWING.width - 32)) / (INPUTS - 1);
const unitX = (i) => inputX(i + (WINDOW - 1) / 2);

/** Draw inputs below and outputs above; lines of one colour are one weight. One unit is highlighted. */
function drawConnections(canvas, kind, selected) {
  const { width, height, top, bottom } = DRAWING;
  const context = sharpContext(canvas, width, height);
  const units = Array.from({ length: OUTPUTS }, (_, unit) => unit);
  for (const unit of [...units.filter((each) => each !== selected), selected]) {
    for (let input = 0; input < INPUTS; input++) {
      const place = input - unit;
      if (kind !== 'full' && (place < 0 || place >= WINDOW)) continue;
      const weight =
        kind === 'shared' ? place * 10 : kind === 'local' ? unit * WINDOW + place : unit * INPUTS + input;
      context.strokeStyle = shade(weight);
      context.globalAlpha = unit === selected ? 1 : 0.28;
      context.lineWidth = unit === selected ? 3 : 1.5;
      context.beginPath();
      context.moveTo(inputX(input), bottom);
      context.lineTo(unitX(unit), top);
      context.stroke();
    }
  }
  context.globalAlpha = 1;
  for (let i = 0; i < INPUTS; i++) dot(context, inputX(i), bottom, theme('--ink'));
  for (const unit of units) dot(context, unitX(unit), top, theme(unit === selected ? '--mark' : '--soft'));
}

/** Return the colour of a weight, which differs from those of the weights next to it. */
function shade(weight) {
  const at = ((weight * 8) % SHADES) / (SHADES - 1);
  const value = at < 0.5 ? at * 1.6 - 1 : (at - 0.5) * 1.6 + 0.2;
  return css(value, 1);
}

function dot(context, x, y, colour) {
  context.fillStyle = colour;
  context.beginPath();
  context.arc(x, y, 7, 0, 2 * Math.PI);
  context.fill();
}
