import { el, number } from '../../lib/dom.js';
import { clamp, extent } from '../../lib/math.js';
import { short } from '../../lib/numbers.js';
import { t } from '../../lib/i18n.js';
import { cellRegion, unreadRegions } from '../../models/region.js';
import { mapOf, patchAt, pool } from '../arithmetic.js';
import { Board, signed } from '../board.js';
import { button, choice, figure, numbers, operator, Slider } from '../controls.js';
import { InputPanel } from '../input-panel.js';
import { channelOf } from '../network-parts.js';
import { noisy, rootMeanSquaredError } from '../noise.js';
import { POOLED_4, POOLED_5 } from '../presets.js';

const KINDS = ['max', 'average'];

/** Max and average pooling of the same map, with the largest values marked, and the effect of noise. */
export default class Pooling {
  #context;
  #state;
  #inputPanel;
  #layer; // the network's first pooling of a layer's maps; undefined where it has none
  #parts;

  constructor(root, context) {
    this.#context = context;
    const { network } = context;
    this.#layer = network.layers.find((layer) => network.before(layer) && isPlainPooling(layer));
    const first = { source: 'five', channel: 0, row: 0, column: 0, noise: 0, seed: 1 };
    this.#state = context.settings(first, { noise: [0, 100] });
    this.#inputPanel = new InputPanel(context);
    const onStep = (down, right) =>
      this.#select(this.#state.state.row + down, this.#state.state.column + right);
    const onPoint = (row, column) => this.#select(row, column);
    const onPointInput = (row, column) => {
      const { stride } = this.#source();
      this.#select(Math.floor(row / stride), Math.floor(column / stride));
    };
    this.#parts = {
      controls: el('div', { class: 'controls' }),
      input: new Board('input', { onPoint: onPointInput, onStep }),
      max: new Board('max', { onPoint, onStep }),
      average: new Board('average', { onPoint, onStep }),
      window: el('div', { class: 'arithmetic' }),
      channel: new Slider({
        name: 'channel',
        label: t('lab.channel'),
        min: 0,
        max: (network.before(this.#layer)?.channels ?? 1) - 1,
        oninput: (channel) => this.#state.set({ channel }),
      }),
      noise: new Slider({
        name: 'noise',
        label: t('lab.pooling.noise'),
        min: 0,
        max: 100,
        step: 5,
        text: (value) => `${value} %`,
        oninput: (noise) => this.#state.set({ noise }),
      }),
      errors: el('div', { class: 'scroll' }),
    };
    this.#build(root);
    this.#state.watch(['source', 'channel', 'row', 'column', 'noise', 'seed'], () => this.#draw());
    this.#inputPanel.store.watch(['values'], () => this.#draw());
  }

  #build(root) {
    const { controls, input, max, average, window, channel, noise, errors } = this.#parts;
    const sources = ['five', 'four', ...(this.#layer ? ['network'] : [])];
    controls.append(
      choice(
        'pooling',
        t('lab.map'),
        sources.map((source) => [source, t(`lab.pooling.${source}`, { layer: this.#layer?.name })]),
        this.#state.state.source,
        (source) => this.#open(source),
      ),
      channel.node,
    );
    root.append(
      controls,
      el(
        'div',
        { class: 'bench-row' },
        this.#inputPanel.node,
        figure(t('lab.map'), input.node, el('p', { class: 'soft' }, t('lab.pooling.dots'))),
        figure(t('lab.pooling.max'), max.node),
        figure(t('lab.pooling.average'), average.node),
      ),
      window,
      el(
        'div',
        { class: 'noise' },
        el('h3', {}, t('lab.pooling.noise.title')),
        el(
          'div',
          { class: 'controls' },
          noise.node,
          button(t('lab.pooling.again'), () => this.#state.set({ seed: this.#state.state.seed + 1 }), {
            'data-do': 'again',
          }),
        ),
        errors,
        el('p', { class: 'note' }, t('lab.pooling.lecture')),
      ),
    );
  }

  /** Open a map and start at its corner, or in the middle of the network's, whose corners are empty. */
  #open(source) {
    const middle = (size) => (source === 'network' ? size >> 1 : 0);
    const { rows = 0, columns = 0 } = this.#layer ?? {};
    this.#state.set({ source, row: middle(rows), column: middle(columns) });
  }

  /** Return {map, size, stride}: the selected map, and the size and stride of the windows. */
  #source() {
    const { values } = this.#inputPanel.store.state;
    const { source, channel } = this.#state.state;
    if (source === 'four') return { map: mapOf(POOLED_4), size: 2, stride: 2 };
    if (source === 'network' && this.#layer) {
      const before = this.#context.network.before(this.#layer);
      const map = values
        ? channelOf(before, values, 'post', Math.min(channel, before.channels - 1))
        : { ...before, values: new Float64Array(before.rows * before.columns) };
      return { map, size: this.#layer.kernelSize[0], stride: this.#layer.strides[0] };
    }
    return { map: mapOf(POOLED_5), size: 3, stride: 1 };
  }

  #select(row, column) {
    const { map, size, stride } = this.#source();
    const { rows, columns } = pool(map, { size, stride, kind: 'max' });
    this.#state.set({ row: clamp(row, 0, rows - 1), column: clamp(column, 0, columns - 1) });
  }

  #draw() {
    const { source, channel, noise, seed } = this.#state.state;
    const { map: clean, size, stride } = this.#source();
    const scale = extent(clean.values);
    const map = noise ? noisy(clean, (noise / 100) * scale, seed) : clean;
    this.#parts.channel.value = channel;
    this.#parts.channel.node.hidden = source !== 'network';
    this.#parts.noise.value = noise;
    this.#inputPanel.node.hidden = source !== 'network';
    const pooled = Object.fromEntries(KINDS.map((kind) => [kind, pool(map, { size, stride, kind })]));
    const row = Math.min(this.#state.state.row, pooled.max.rows - 1);
    const column = Math.min(this.#state.state.column, pooled.max.columns - 1);
    const index = row * pooled.max.columns + column;
    const window = { top: row * stride, left: column * stride, height: size, width: size };
    const palette = signed(Math.max(extent(map.values), scale) * (source === 'network' ? 1 : 1.6));
    this.#drawMaps({ map, pooled, window, stride, index, palette });
    this.#drawWindow(map, window, pooled, index);
    this.#drawErrors(clean, pooled, { size, stride }, map, noise);
  }

  #drawMaps({ map, pooled, window, stride, index, palette }) {
    const { rows, columns, winners } = pooled.max;
    const [bottom, right] = [(rows - 1) * stride + window.height, (columns - 1) * stride + window.width];
    this.#parts.input.show({
      ...map,
      palette,
      windows: [window],
      marks: [regionAt(winners[index], map.columns)],
      dots: winners,
      hatched: unreadRegions(map.rows, map.columns, bottom, right),
      label: t('lab.map'),
    });
    for (const kind of KINDS) {
      const marks = [regionAt(index, columns)];
      const label = t(`lab.pooling.${kind}`);
      this.#parts[kind].show({ ...pooled[kind], palette, marks, cell: this.#parts.input.cell, label });
    }
  }

  #drawWindow(map, window, pooled, index) {
    const patch = patchAt(map, window);
    const winner = regionAt(pooled.max.winners[index], map.columns);
    const isWinner = (row, column) => row === winner.top - window.top && column === winner.left - window.left;
    const results = KINDS.map((kind) => {
      const value = pooled[kind].values[index];
      return el(
        'div',
        { class: 'total' },
        el('span', { class: 'soft' }, t(`lab.pooling.${kind}.of`, { count: patch.flat().length })),
        number(value, short(value), { class: 'large', 'data-role': kind }),
      );
    });
    const size = `${patch.length} × ${patch.length}`;
    const limit = 1.6 * extent(patch.flat());
    const patchGrid = numbers(t('lab.pooling.window', { size }), patch, limit, isWinner);
    this.#parts.window.replaceChildren(patchGrid, operator('→'), el('div', { class: 'totals' }, ...results));
    const [max, average] = KINDS.map((kind) => short(pooled[kind].values[index]));
    this.#context.announce(t('lab.pooling.announcement', { max, average }));
  }

  /** Draw the error that noise causes in the map, and the error that remains after pooling. */
  #drawErrors(clean, pooled, { size, stride }, map, noise) {
    const rows = [['lab.map', rootMeanSquaredError(clean, map)]];
    for (const kind of KINDS) {
      const expected = pool(clean, { size, stride, kind });
      rows.push([`lab.pooling.${kind}`, rootMeanSquaredError(expected, pooled[kind])]);
    }
    const largest = Math.max(...rows.map(([, error]) => error)) || 1;
    this.#parts.errors.replaceChildren(
      el(
        'table',
        { class: 'shares' },
        el('caption', { class: 'soft' }, t(noise ? 'lab.pooling.moved' : 'lab.pooling.clean')),
        el(
          'tbody',
          {},
          ...rows.map(([key, value]) =>
            el(
              'tr',
              {},
              el('th', { scope: 'row' }, t(key)),
              el('td', {}, number(value, short(value))),
              el(
                'td',
                { class: 'share-bar' },
                el('span', { class: 'fill', style: `--share: ${value / largest}` }),
              ),
            ),
          ),
        ),
      ),
    );
  }
}

const regionAt = (index, columns) => cellRegion(Math.floor(index / columns), index % columns);

/** Whether a layer pools square windows without padding, as `pool` does. */
function isPlainPooling({ kind, padding, kernelSize, strides }) {
  if (kind.family !== 'pooling' || padding !== 'valid') return false;
  return kernelSize[0] === kernelSize[1] && strides[0] === strides[1];
}
