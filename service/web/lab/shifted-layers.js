import { el, number } from '../lib/dom.js';
import { t } from '../lib/i18n.js';
import { Board, signed } from './board.js';
import { channelOf } from './network-parts.js';
import { cosineSimilarity } from './transform.js';

const MAP_SIDE = 78; // CSS pixels

/** Each layer before and after the digit moves: one of its maps, and the similarity of all its values. */
export class ShiftedLayers {
  #layers;
  #columns;

  constructor(network) {
    this.#layers = network.layers.filter(({ kind }) => kind.family !== 'copy');
    this.#columns = this.#layers.map((layer) => ({
      layer,
      rest: layer.isFlat ? null : new Board(`rest-${layer.name}`),
      moved: layer.isFlat ? null : new Board(`moved-${layer.name}`),
      channel: el('span', { class: 'soft', 'data-channel': layer.name }),
      same: el('td', { 'data-same': layer.name }),
      along: el('td', { 'data-along': layer.name }),
    }));
    const name = t('lab.shift.layers');
    this.node = el(
      'div',
      { class: 'part' },
      el('h3', {}, name),
      el('div', { class: 'scroll', tabindex: 0, role: 'region', 'aria-label': name }, this.#table()),
      el('p', { class: 'soft' }, t('lab.shift.maps')),
    );
  }

  #table() {
    const row = (key, cell) =>
      el('tr', {}, el('th', { scope: 'row' }, t(`lab.shift.${key}`)), ...this.#columns.map(cell));
    const image = (board) => el('td', {}, board?.node);
    const heads = this.#columns.map(({ layer, channel }) => el('th', { scope: 'col' }, layer.name, channel));
    return el(
      'table',
      { class: 'moved' },
      el('thead', {}, el('tr', {}, el('td', {}), ...heads)),
      el(
        'tbody',
        {},
        row('rest', ({ rest }) => image(rest)),
        row('now', ({ moved }) => image(moved)),
        row('same', ({ same }) => same),
        row('along', ({ along }) => along),
      ),
    );
  }

  /** @param original, moved the Values of the digit before and after.
   * @param shift [down, right] in pixels; null where it was rotated or scaled too.
   */
  show({ original, moved, shift }) {
    for (const { layer, rest, moved: board, channel: name, same, along } of this.#columns) {
      const [a, b] = [original.of(layer), moved.of(layer)];
      if (rest) {
        const channel = strongestChannel(layer, a);
        name.textContent = t('lab.shift.channel', { channel });
        this.#draw(rest, layer, original, channel, t('lab.shift.rest'));
        this.#draw(board, layer, moved, channel, t('lab.shift.now'));
      }
      const steps = layer.isFlat ? null : shift?.map((pixels, axis) => pixels / layer.field.step[axis]);
      put(same, cosineSimilarity(layer, a, b));
      put(along, steps?.every(Number.isInteger) ? cosineSimilarity(layer, a, b, steps) : NaN);
    }
  }

  #draw(board, layer, values, channel, name) {
    const palette = signed(values.limit(layer, 'post', channel));
    const cell = Math.max(1, Math.floor(MAP_SIDE / Math.max(layer.rows, layer.columns)));
    const label = `${name}, ${layer.name}, ${t('lab.shift.channel', { channel })}`;
    board.show({ ...channelOf(layer, values, 'post', channel), palette, cell, numbers: false, label });
  }
}

/** Return the channel with the largest value. */
function strongestChannel(layer, values) {
  return values.reduce((best, value, i) => (value > values[best] ? i : best), 0) % layer.channels;
}

function put(cell, value) {
  cell.replaceChildren(Number.isNaN(value) ? '–' : number(value, value.toPrecision(4)));
}
