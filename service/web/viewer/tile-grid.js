import { el, moveFocus } from '../lib/dom.js';
import { t } from '../lib/i18n.js';

const STEPS = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowDown: [0, 1], ArrowUp: [0, -1] };

/** Invisible buttons over the tiles of an atlas: each names its channel, and selects a cell of it. */
export class TileGrid {
  #store;
  #atlas = null;
  #grid = el('div', { class: 'tile-grid', role: 'group', onkeydown: (event) => this.#move(event) });
  #mark = el('i', { class: 'cell-mark', 'aria-hidden': 'true', hidden: true });

  constructor(root, { store }) {
    this.#store = store;
    root.append(this.#grid, this.#mark);
    store.watch(['cell'], ({ cell }) => this.#drawMark(cell));
  }

  /** Put the buttons over an atlas; none for null. */
  draw(atlas) {
    this.#atlas = atlas;
    this.#grid.hidden = !atlas;
    this.#grid.setAttribute('aria-label', t('viewer.tiles.keys'));
    const focused = this.#buttons().indexOf(document.activeElement);
    const key = atlas?.shape.length === 3 ? 'viewer.channel' : 'viewer.unit';
    this.#grid.style.setProperty('--columns', atlas?.columns ?? 1);
    this.#grid.replaceChildren(
      ...(atlas?.channels ?? []).map((channel, index) =>
        el('button', {
          type: 'button',
          tabindex: index ? '-1' : '0',
          title: t(key, { channel }),
          'aria-label': t(key, { channel }),
          'data-channel': channel,
          onclick: (event) => this.#select(event, channel),
        }),
      ),
    );
    if (focused >= 0) this.#buttons()[0]?.focus();
    this.#drawMark(this.#store.state.cell);
  }

  /** Select the cell under the pointer; with the keyboard, the one in the middle. */
  #select({ offsetX, offsetY, detail, currentTarget }, channel) {
    const { layer, shape } = this.#atlas;
    if (shape.length === 1) return this.#store.set({ cell: { layer, channel } });
    const [rows, columns] = shape;
    const at = (offset, side, count) => Math.max(0, Math.min(count - 1, Math.floor((offset / side) * count)));
    const { clientWidth: width, clientHeight: height } = currentTarget;
    const row = detail ? at(offsetY, height, rows) : rows >> 1;
    const column = detail ? at(offsetX, width, columns) : columns >> 1;
    return this.#store.set({ cell: { layer, channel, row, column } });
  }

  #drawMark(cell) {
    const index = cell && this.#atlas?.layer === cell.layer ? this.#atlas.channels.indexOf(cell.channel) : -1;
    this.#mark.hidden = index < 0;
    for (const [i, button] of this.#buttons().entries())
      button.setAttribute('aria-pressed', String(i === index));
    if (index < 0) return;
    const { columns, channels, shape, tile } = this.#atlas;
    const [x, y] = [index % columns, Math.floor(index / columns)];
    const total = [columns, Math.ceil(channels.length / columns)];
    const whole = total.map((count, i) => count * ([tile.width, tile.height][i] + tile.gap) - tile.gap);
    const [rows, cells] = shape.length === 3 ? shape : [1, 1];
    const [width, height] = [tile.width / cells, tile.height / rows];
    const left = x * (tile.width + tile.gap) + (cell.column ?? 0) * width;
    const top = y * (tile.height + tile.gap) + (cell.row ?? 0) * height;
    const share = (value, i) => `${(100 * value) / whole[i]}%`;
    const [x1, y1, w, h] = [share(left, 0), share(top, 1), share(width, 0), share(height, 1)];
    this.#mark.style.cssText = `left: ${x1}; top: ${y1}; width: ${w}; height: ${h}`;
  }

  #move(event) {
    const buttons = this.#buttons();
    const at = buttons.indexOf(event.target);
    const step = STEPS[event.key];
    const ends = { Home: buttons[0], End: buttons.at(-1) };
    const to = step ? buttons[at + step[0] + step[1] * this.#atlas.columns] : ends[event.key];
    moveFocus(event, to);
  }

  #buttons() {
    return [...this.#grid.querySelectorAll('button')];
  }
}
