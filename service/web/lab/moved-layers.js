import { el, number } from '../lib/dom.js';
import { t } from '../lib/i18n.js';
import { Board, signed } from './board.js';
import { channelOf } from './network-parts.js';
import { likeness } from './transform.js';

const MAP_SIDE = 78; // CSS pixels

/** Layer by layer, before and after a digit has moved: one map of each, and how alike all its values are. */
export class MovedLayers {
  #layers;
  #columns;

  constructor(network) {
    this.#layers = network.layers.filter(({ kind }) => kind !== 'Flatten'); // the same values as before it
    this.#columns = this.#layers.map((layer) => ({
      layer,
      rest: layer.isFlat ? null : new Board(`rest-${layer.name}`),
      moved: layer.isFlat ? null : new Board(`moved-${layer.name}`),
      same: el('td', { 'data-same': layer.name }),
      along: el('td', { 'data-along': layer.name }),
    }));
    this.node = el(
      'div',
      { class: 'scroll', tabindex: 0, role: 'region', 'aria-label': t('lab.shift.layers') },
      this.#table(),
    );
  }

  #table() {
    const line = (key, cell) =>
      el('tr', {}, el('th', { scope: 'row' }, t(`lab.shift.${key}`)), ...this.#columns.map(cell));
    const picture = (board) => el('td', {}, board?.node);
    const heads = this.#layers.map(({ name }) => el('th', { scope: 'col' }, name));
    return el(
      'table',
      { class: 'moved' },
      el('thead', {}, el('tr', {}, el('td', {}), ...heads)),
      el(
        'tbody',
        {},
        line('rest', ({ rest }) => picture(rest)),
        line('now', ({ moved }) => picture(moved)),
        line('same', ({ same }) => same),
        line('along', ({ along }) => along),
      ),
    );
  }

  /** @param still, moved the Values of the digit at rest and as it is now.
   * @param shift [down, right] in pixels; null where it was turned or scaled too.
   */
  show({ still, moved, shift }) {
    for (const { layer, rest, moved: now, same, along } of this.#columns) {
      const [a, b] = [still.of(layer), moved.of(layer)];
      if (rest) {
        const channel = liveliest(layer, a);
        this.#draw(rest, layer, still, channel, t('lab.shift.rest'));
        this.#draw(now, layer, moved, channel, t('lab.shift.now'));
      }
      const steps = layer.isFlat ? null : shift?.map((pixels, axis) => pixels / layer.field.step[axis]);
      put(same, likeness(layer, a, b));
      put(along, steps?.every(Number.isInteger) ? likeness(layer, a, b, steps) : NaN);
    }
  }

  #draw(board, layer, values, channel, name) {
    const palette = signed(values.limit(layer, 'post', channel));
    const cell = Math.max(1, Math.floor(MAP_SIDE / Math.max(layer.rows, layer.columns)));
    const label = `${name}, ${layer.name}, ${t('lab.channel')} ${channel}`;
    board.show({ ...channelOf(layer, values, 'post', channel), palette, cell, numbers: false, label });
  }
}

/** The channel with the largest value. */
function liveliest(layer, values) {
  return values.reduce((best, value, i) => (value > values[best] ? i : best), 0) % layer.channels;
}

function put(cell, value) {
  cell.replaceChildren(Number.isNaN(value) ? '–' : number(value, value.toFixed(3)));
}
