import { el } from '../lib/dom.js';
import { percent, short } from '../lib/numbers.js';
import { t } from '../lib/i18n.js';
import { changeAt, withChange, withoutChange } from '../models/changes.js';
import { bySize } from '../models/sum.js';

/** Changes to the network and the digit: what can be changed about the selected cell's channel and layer,
 * and the list of all changes, each with its undo.
 */
export class WhatIf {
  #store;
  #network;
  #local;
  #tools = el('section', { class: 'tools' });
  #list = el('section', { class: 'changes' });

  constructor(root, { store, network, local }) {
    this.#store = store;
    this.#network = network;
    this.#local = local;
    root.append(this.#tools, this.#list);
    store.watch(['cell', 'explanation', 'term', 'changes', 'lang', 'weights', 'tab'], (state) => this.#drawTools(state));
    store.watch(['values', 'baseline', 'changes', 'lang', 'tab'], (state) => {
      if (state.tab === 'change') this.#drawList(state);
    });
  }

  #put(change) {
    this.#store.set({ changes: withChange(this.#store.state.changes, change) });
  }

  #remove(change) {
    this.#store.set({ changes: withoutChange(this.#store.state.changes, change) });
  }

  #drawTools(state) {
    const { cell, tab } = state;
    if (tab !== 'change' || this.#tools.contains(document.activeElement)) return this.#updateOutputs(state);
    const title = el('h3', {}, t('change.title'));
    if (!cell || !this.#local.isReady) {
      const reason = this.#local.isPossible ? 'change.pick' : 'change.impossible';
      return this.#tools.replaceChildren(title, el('p', { class: 'soft' }, t(reason)));
    }
    const layer = this.#network.find(cell.layer);
    const controls = layer ? this.#ofLayer(layer, state) : [this.#pixel(cell)];
    return this.#tools.replaceChildren(title, ...controls);
  }

  /** While a control has the focus it stays; only the texts beside the controls follow. */
  #updateOutputs({ changes }) {
    for (const output of this.#tools.querySelectorAll('output[data-layer]')) {
      const change = changeAt(changes, { kind: 'scale', layer: output.dataset.layer });
      output.textContent = `× ${short(change?.factor ?? 1)}`;
    }
  }

  #ofLayer(layer, state) {
    const { cell } = state;
    const hasWeights = layer.kind.hasWeights;
    return [
      ...(layer.isLast ? [] : [this.#silence(layer, cell), this.#scale(layer)]),
      ...(hasWeights ? [this.#bias(layer, cell, state), this.#weights(layer, state)] : []),
    ];
  }

  #silence(layer, { channel }) {
    const change = { kind: 'silence', layer: layer.name, channel };
    const isSilenced = Boolean(changeAt(this.#store.state.changes, change));
    const onclick = ({ target }) => {
      target.blur(); // The button's text changes.
      if (isSilenced) this.#remove(change);
      else this.#put(change);
    };
    const place = { layer: layer.name, channel };
    return el(
      'button',
      { type: 'button', 'data-change': 'silence', 'aria-pressed': String(isSilenced), onclick },
      t(layer.isFlat ? 'change.silence-unit' : 'change.silence', place),
    );
  }

  #scale(layer) {
    const change = { kind: 'scale', layer: layer.name };
    const { factor = 1 } = changeAt(this.#store.state.changes, change) ?? {};
    const output = el('output', { 'data-layer': layer.name }, `× ${short(factor)}`);
    const oninput = ({ target }) => {
      if (Number(target.value) === 1) this.#remove(change);
      else this.#put({ ...change, factor: Number(target.value) });
    };
    const slider = { type: 'range', min: 0, max: 2, step: 0.1, value: factor, 'data-change': 'scale', oninput };
    return el('label', {}, t('change.scale', { layer: layer.name }), el('input', slider), output);
  }

  #bias(layer, { channel }, { weights }) {
    const value = weights.of(layer, 'bias')?.[channel] ?? 0;
    const change = { kind: 'bias', layer: layer.name, channel };
    return el('label', {}, t('change.bias'), this.#number(value, 'bias', (next) => this.#put({ ...change, value: next })));
  }

  /** The kernel of one input channel, or the weight of one input of a unit: those of the chosen term. */
  #weights(layer, { cell, explanation, term, weights }) {
    const kernel = weights.of(layer, 'kernel');
    const input = (index, label) => {
      const change = { kind: 'weight', layer: layer.name, index };
      return this.#number(kernel[index], 'weight', (value) => this.#put({ ...change, value }), label);
    };
    if (!layer.kernelSize) {
      const index = explanation?.terms?.[0]?.index ?? 0;
      const label = t('change.weight', { unit: index });
      return el('label', {}, label, input(index * layer.channels + cell.channel));
    }
    const [rows, columns] = layer.kernelSize;
    const channel = term ?? (explanation?.terms ? bySize(explanation.terms)[0].channel : 0);
    const inputs = layer.inputShape.at(-1);
    const cells = Array.from({ length: rows * columns }, (_, i) => {
      const index = (i * inputs + channel) * layer.channels + cell.channel;
      return input(index, t('change.kernel-cell', { row: Math.floor(i / columns), column: i % columns }));
    });
    return el(
      'fieldset',
      { class: 'kernel', style: `--columns: ${columns}` },
      el('legend', {}, t('change.kernel', { channel })),
      ...cells,
    );
  }

  #number(value, kind, change, label = null) {
    const onchange = ({ target }) => target.value !== '' && change(Number(target.value));
    const properties = { type: 'number', step: 0.1, value: Number(value.toPrecision(4)), 'data-change': kind };
    return el('input', { ...properties, 'aria-label': label, onchange });
  }

  #pixel({ channel, row, column }) {
    const { width, channels } = this.#network.input;
    const { digit } = this.#store.state;
    const index = (row * width + column) * channels + channel;
    const oninput = ({ target }) => this.#put({ kind: 'pixel', index, value: target.value / 255 });
    const slider = { type: 'range', min: 0, max: 255, value: digit.pixels[index], 'data-change': 'pixel', oninput };
    return el('label', {}, t('change.pixel', { row, column }), el('input', slider));
  }

  #drawList({ changes, values, baseline }) {
    const pixels = changes.filter(({ kind }) => kind === 'pixel');
    const shown = changes.filter(({ kind }) => kind !== 'pixel');
    const rows = shown.map((change) => this.#row(t(`changed.${change.kind}`, this.#fields(change)), () => this.#remove(change)));
    if (pixels.length) {
      rows.push(this.#row(t('changed.pixels', { count: pixels.length }), () => this.#store.set({ changes: shown })));
    }
    this.#list.replaceChildren(
      el('h3', {}, t('change.list', { count: rows.length })),
      ...(changes.length && baseline && this.#network.hasClasses ? [this.#comparison(baseline, values)] : []),
      el('ul', {}, ...rows),
      changes.length
        ? el('button', { type: 'button', 'data-action': 'undo-all', onclick: () => this.#store.set({ changes: [] }) }, t('change.undo-all'))
        : el('p', { class: 'soft' }, t('change.none')),
    );
  }

  #fields({ layer, channel, factor, value }) {
    return { layer, channel, value: short(factor ?? value ?? 0) };
  }

  #row(text, undo) {
    return el('li', {}, el('span', {}, text), el('button', { type: 'button', class: 'quiet', onclick: undo }, t('change.undo')));
  }

  #comparison(baseline, values) {
    const [before, after] = [baseline, values].map((each) => each.ranking()[0]);
    return el(
      'p',
      { class: 'comparison' },
      t('change.comparison', {
        before: `${before.label} ${percent(before.probability)}`,
        after: `${after.label} ${percent(after.probability)}`,
      }),
    );
  }
}
