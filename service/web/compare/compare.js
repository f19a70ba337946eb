// Two digits, before and after a change, or two models side by side, with their differences.

import { grey } from '../lib/colours.js';
import { el, loadStyle, number, sharpContext } from '../lib/dom.js';
import { addTexts, t } from '../lib/i18n.js';
import { Latest } from '../lib/latest.js';
import { percent, short } from '../lib/numbers.js';
import { cellImage, diverging, draw } from '../lib/paint.js';
import { meanIntensities } from '../models/pixels.js';
import { replaceAddress } from '../models/route.js';
import { legend } from '../parts/legend.js';
import { problemText } from '../parts/problem.js';
import { compareChannels, compareClasses, compareLayers } from './differences.js';
import en from './i18n/en.js';
import ko from './i18n/ko.js';
import { probabilities } from './probabilities.js';
import { BEFORE, Sides } from './sides.js';

const DIGIT_SIDE = 84; // CSS pixels
const MAP_SIDE = 84; // of the larger side of a map, at most
const FIRST = 24; // channels, before all are asked for
const GAP = 4; // between the maps of both sides and their difference

/** Load the texts, the style sheet and what can be compared, and build the view. */
export async function open(root, context) {
  addTexts({ en, ko });
  const sides = new Sides(context);
  await Promise.all([
    sides.load(),
    loadStyle(new URL('compare.css', import.meta.url)),
  ]);
  return new Compare(root, context, sides);
}

class Compare {
  #store;
  #sides;
  #root;
  #isShown = false;
  #choice = null; // the id of the right side
  #layer = null; // the name of the selected layer; null for the one that differs most
  #hasAll = false; // whether all channels of the layer are shown
  #compared = null; // {left, right, layers}
  #inputs = el('section', { class: 'card inputs', 'aria-labelledby': 'compare-title' });
  #layers = el('section', { class: 'card layers', 'aria-labelledby': 'compare-layers' });
  #maps = el('section', { class: 'card maps', 'aria-labelledby': 'compare-maps', tabindex: 0 });
  #update = new Latest(() => this.#compare());

  constructor(root, { store }, sides) {
    this.#root = root;
    this.#store = store;
    this.#sides = sides;
    root.append(this.#inputs, this.#layers, this.#maps);
    store.watch(['lang', 'dark'], () => this.#isShown && this.#draw());
    store.watch(['values', 'baseline', 'weights'], () => this.#isShown && this.#update.submit());
  }

  /** Show the comparison in the address, else the one before, else a change or another digit. */
  async show() {
    this.#isShown = true;
    this.#choice = this.#store.state.route.params.get('with') ?? this.#choice;
    await this.#update.submit();
  }

  leave() {
    this.#isShown = false;
  }

  async #compare() {
    const choices = this.#sides.choices();
    const { sheet } = this.#store.state;
    const next = sheet.kind === 'sample' ? (sheet.index + 1) % choices.length : 1;
    const byDefault = choices[0].id === BEFORE ? BEFORE : `sample-${next}`;
    const choice = choices.find(({ id }) => id === this.#choice) ?? choices.find(({ id }) => id === byDefault) ?? choices[0];
    this.#choice = choice.id;
    try {
      const { left, right } = await this.#sides.of(choice);
      this.#compared = { left, right, choice, layers: compareLayers(left.values, right.values) };
      this.#draw();
    } catch (problem) {
      this.#compared = null;
      this.#inputs.replaceChildren(...this.#head(), el('p', { class: 'warning', role: 'alert' }, problemText(problem)));
      this.#layers.replaceChildren();
      this.#maps.replaceChildren();
    }
  }

  #draw() {
    if (!this.#compared) return;
    const { left, right, layers } = this.#compared;
    const { values, changes } = this.#store.state;
    const name = values ? (changes.length ? 'compare.left.changed' : 'compare.left') : 'compare.left.sample';
    const focused = this.#root.contains(document.activeElement) ? document.activeElement.id : '';
    this.#inputs.replaceChildren(
      ...this.#head(),
      el(
        'div',
        { class: 'sides' },
        this.#side(left, t(name), 'compare.digit'),
        this.#side(right, t('compare.right'), 'compare.digit.right'),
      ),
      ...(left.values.network.hasClasses && right.values.network.hasClasses
        ? [probabilities(compareClasses(left.values, right.values))]
        : []),
    );
    this.#drawLayers(layers);
    this.#drawMaps();
    document.getElementById(focused)?.focus();
  }

  #head() {
    return [
      el('h2', { id: 'compare-title' }, t('compare.title')),
      el('label', { class: 'with' }, t('compare.with'), this.#select()),
    ];
  }

  #select() {
    const groups = { [BEFORE]: 'change', model: 'model', sample: 'sample' };
    const choices = this.#sides.choices();
    const options = Object.entries(groups).flatMap(([kind, group]) => {
      const own = choices.filter((choice) => choice.kind === kind);
      const isRandom = kind === 'sample' && own[0]?.label === null;
      const label = t(`compare.group.${isRandom ? 'random' : group}`);
      return own.length ? [el('optgroup', { label }, ...own.map((choice) => this.#option(choice, isRandom)))] : [];
    });
    return el('select', { id: 'compare-with', onchange: ({ target }) => this.#choose(target.value) }, ...options);
  }

  #option(choice, isRandom) {
    const text = isRandom ? 'compare.random' : `compare.${choice.kind}`;
    const values = { ...choice, number: choice.index + 1 };
    return el('option', { value: choice.id, selected: choice.id === this.#choice }, t(text, values));
  }

  #choose(id) {
    this.#choice = id;
    const { lang } = this.#store.state;
    replaceAddress(`#compare&${new URLSearchParams({ with: id, lang })}`);
    this.#update.submit();
  }

  #side({ digit, values }, name, text) {
    const canvas = el('canvas', { role: 'img', 'aria-label': t(text) });
    const factor = Math.max(1, Math.floor(DIGIT_SIDE / Math.max(digit?.width ?? 1, digit?.height ?? 1)));
    if (digit) {
      const context = sharpContext(canvas, digit.width * factor, digit.height * factor);
      const image = cellImage(meanIntensities(digit), digit.width, grey);
      draw(context, image, 0, 0, digit.width * factor, digit.height * factor);
    }
    const [first] = values.network.hasClasses ? values.ranking() : [];
    return el(
      'figure',
      {},
      el('figcaption', {}, name),
      digit ? canvas : null,
      first
        ? el('p', {}, el('b', {}, first.label), ' ', number(first.probability, percent(first.probability)))
        : null,
    );
  }

  #drawLayers(layers) {
    const most = Math.max(...layers.map(({ max }) => max), 0) || 1;
    const selected = this.#selected();
    const rows = layers.map(({ layer, max, mean }) =>
      el(
        'button',
        {
          type: 'button',
          id: `compare-layer-${layer.name}`,
          'aria-pressed': String(layer === selected?.layer),
          onclick: () => this.#open(layer),
        },
        el('span', { class: 'name' }, el('b', {}, layer.name), el('span', { class: 'soft' }, layer.outputShape.join(' × '))),
        el('span', { class: 'amounts' }, figure('compare.largest', { max }), figure('compare.mean', { mean })),
        el('i', { 'aria-hidden': 'true', style: `--share: ${max / most}` }),
      ),
    );
    this.#layers.replaceChildren(
      el('h3', { id: 'compare-layers' }, t('compare.layers')),
      ...(rows.length ? rows : [el('p', { class: 'soft' }, t('compare.none'))]),
    );
  }

  #selected() {
    const { layers } = this.#compared;
    return layers.find(({ layer }) => layer.name === this.#layer) ?? layers[0];
  }

  #open(layer) {
    this.#layer = layer.name;
    this.#hasAll = false;
    this.#draw();
    this.#maps.scrollTop = 0;
    const { max, mean } = this.#selected();
    const values = { layer: layer.name, max: short(max), mean: short(mean) };
    this.#store.set({ announcement: t('compare.announcement', values) });
  }

  /** Draw the maps of the selected layer: both sides and their difference, all in one scale of colours. */
  #drawMaps() {
    const selected = this.#selected();
    if (!selected) return this.#maps.replaceChildren();
    const { layer, limit, max } = selected;
    const channels = compareChannels(selected);
    const shown = this.#hasAll ? channels : channels.slice(0, FIRST);
    this.#maps.replaceChildren(
      el(
        'div',
        { class: 'bar' },
        el('h3', { id: 'compare-maps' }, t('compare.maps', { layer: layer.name })),
        legend(limit, true),
      ),
      ...(max === 0 ? [el('p', { class: 'note' }, t('compare.same'))] : []),
      el('div', { class: 'triples' }, ...shown.map((each) => this.#triple(each, layer, limit))),
      ...(shown.length < channels.length ? [this.#all(channels.length)] : []),
    );
    return undefined;
  }

  #all(count) {
    const onclick = () => {
      this.#hasAll = true;
      this.#drawMaps();
      this.#maps.focus();
    };
    return el('button', { type: 'button', class: 'all', onclick }, t('compare.all', { count }));
  }

  #triple({ channel, left, right, values, max, mean }, layer, limit) {
    const columns = layer.isFlat ? Math.ceil(Math.sqrt(layer.channels)) : layer.columns;
    const rows = Math.ceil(left.length / columns);
    const factor = Math.max(1, Math.floor((layer.isFlat ? 2 * MAP_SIDE : MAP_SIDE) / Math.max(rows, columns)));
    const [width, height] = [columns * factor, rows * factor];
    const name = layer.isFlat ? t('compare.units', { count: layer.channels }) : t('compare.channel', { channel });
    const label = t('compare.triple', { name, max: short(max), mean: short(mean) });
    const canvas = el('canvas', { role: 'img', 'aria-label': label, title: label });
    const context = sharpContext(canvas, 3 * width + 2 * GAP, height);
    [left, right, values].forEach((map, at) => {
      const padded = Float64Array.from({ length: rows * columns }, (_, i) => map[i] ?? NaN);
      draw(context, cellImage(padded, columns, diverging(limit)), at * (width + GAP), 0, width, height);
    });
    return el('figure', {}, canvas, el('figcaption', {}, name, ' · ', number(max, short(max))));
  }
}

/** Create an amount with its exact value. */
function figure(key, values) {
  const [[name, value]] = Object.entries(values);
  return number(value, t(key, { [name]: short(value) }), { 'data-amount': name });
}
