import { el, number } from '../../lib/dom.js';
import { clamp } from '../../lib/math.js';
import { t } from '../../lib/i18n.js';
import { outputSize, parameterCounts } from '../arithmetic.js';
import { figure, select, Slider } from '../controls.js';
import { isPlainConvolution } from '../network-parts.js';
import { drawWires, outputAt } from '../wires.js';

const KINDS = ['full', 'local', 'shared'];
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
    const unit = (start.size - start.kernel + 1) >> 1;
    this.#state = context.settings({ ...start, unit }, { ...NUMBERS, unit: [0, NUMBERS.size[1]] });
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
      figures: el('div', { class: 'bench-row three' }),
      note: el('p', { class: 'soft' }, t('lab.connections.drawing')),
    };
    this.#build(root);
    this.#state.watch([...Object.keys(NUMBERS), 'unit'], () => this.#draw());
  }

  #build(root) {
    const { layers, sliders, drawings, counts, readout, figures, note } = this.#parts;
    const content = drawings.map(([kind, canvas], i) => {
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
    figures.append(...content);
    root.append(
      layers,
      el('div', { class: 'sliders' }, ...sliders.map(([, slider]) => slider.node)),
      readout,
      figures,
      note,
    );
  }

  #point({ clientX }, canvas) {
    this.#select(outputAt(clientX - canvas.getBoundingClientRect().left, this.#layer));
  }

  #select(unit) {
    this.#state.set({ unit: clamp(unit, 0, this.#layer.output - 1) });
  }

  /** The numbers of the layer, with its `output` along one side, and the selected unit within it. */
  get #layer() {
    const { state } = this.#state;
    const { output } = outputSize({ size: state.size, kernel: state.kernel, padding: 0, stride: 1 });
    return { ...state, output, unit: Math.min(state.unit, output - 1) };
  }

  #key(event) {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!step) return;
    event.preventDefault();
    this.#select(this.#layer.unit + step);
  }

  #draw() {
    const { state } = this.#state;
    const { readout, figures, note } = this.#parts;
    const { size, channels, kernel, filters } = state;
    for (const [name, slider] of this.#parts.sliders) slider.value = state[name];
    this.#drawLayers(state);
    const { output, error } = outputSize({ size, kernel, padding: 0, stride: 1 });
    for (const part of [figures, note]) part.hidden = Boolean(error);
    readout.classList.toggle('warning', Boolean(error));
    for (const [, node] of this.#parts.counts) node.replaceChildren();
    if (error) {
      const name = error === 'fit' ? 'lab.connections.fit' : `lab.stride.error.${error}`;
      readout.textContent = t(name, { kernel, size });
      this.#context.announce(readout.textContent);
      return;
    }
    this.#drawWires();
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
        el('span', { class: 'soft' }, sums[kind]),
      );
    }
    this.#context.announce(KINDS.map((kind) => counts[kind].toLocaleString('en')).join(' / '));
  }

  #drawWires() {
    const { unit, ...layer } = this.#layer;
    const { size: inputs, output: outputs, channels, filters, kernel: window } = layer;
    const values = { unit, inputs, window };
    const texts = {
      inputs: t('lab.connections.inputs', { inputs, channels }),
      outputs: t('lab.connections.outputs', { outputs, filters }),
    };
    for (const [kind, canvas] of this.#parts.drawings) {
      drawWires(canvas, kind, layer, unit, texts);
      canvas.parentElement.setAttribute('aria-label', t(`lab.connections.${kind}.label`, values));
    }
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
