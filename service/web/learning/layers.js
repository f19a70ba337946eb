import { el } from '../lib/dom.js';
import { extent } from '../lib/math.js';
import { t } from '../lib/i18n.js';
import { legend } from '../parts/legend.js';
import { drawSheet } from './sheet.js';

const KERNEL_SIZE = 36; // CSS pixels
const MARKED = 4; // kernels

/** The kernels of the first convolution, on one scale for all snapshots; those that changed most are marked. */
export class Kernels {
  #snapshots;
  #layer;
  #limit;
  #canvas = el('canvas', { role: 'img' });

  constructor({ snapshots, network }) {
    this.#snapshots = snapshots;
    this.#layer = convolutions(network)[0];
    this.#limit = snapshots.limit(`${this.#layer.name}/kernel`);
    this.node = el(
      'div',
      {},
      this.#canvas,
      legend(this.#limit, true),
      el('p', { class: 'soft' }, t('learning.kernels.how', { count: MARKED })),
    );
  }

  /** The name of the layer. */
  get layer() {
    return this.#layer.name;
  }

  show(index) {
    const { name, kernelSize, channels } = this.#layer;
    const marked = index ? this.#snapshots.mostChanged(name, index, MARKED) : [];
    const shape = { rows: kernelSize[0], columns: kernelSize[1], channels };
    const values = this.#snapshots.weight(`${name}/kernel`, index);
    drawSheet(this.#canvas, values, shape, { limit: this.#limit, size: KERNEL_SIZE, marked });
    const list = marked.toSorted((a, b) => a - b).join(', ');
    const key = index ? 'learning.kernels.name' : 'learning.kernels.first';
    this.#canvas.setAttribute('aria-label', t(key, { channels, list }));
  }
}

/** The activation maps of each convolution for the digit. */
export class Maps {
  #valuesAt;
  #sheets;

  /** @param valuesAt (index) → all values of a snapshot's network. */
  constructor({ network, valuesAt }) {
    this.#valuesAt = valuesAt;
    this.#sheets = convolutions(network).map((layer) => {
      const name = t('learning.maps.name', { count: layer.channels, layer: layer.name });
      const canvas = el('canvas', { role: 'img', 'aria-label': name });
      return { layer, canvas, foot: el('div', {}) };
    });
    this.node = el(
      'div',
      {},
      el(
        'div',
        { class: 'sheets' },
        ...this.#sheets.map(({ layer, canvas, foot }) =>
          el('figure', {}, el('figcaption', {}, layer.name), canvas, foot),
        ),
      ),
      el('p', { class: 'soft' }, t('learning.maps.how')),
    );
  }

  show(index) {
    for (const { layer, canvas, foot } of this.#sheets) {
      const values = this.#valuesAt(index)[layer.name];
      const limit = extent(values);
      drawSheet(canvas, values, layer, { limit });
      const isDiverging = values.some((value) => value < 0);
      foot.replaceChildren(legend(limit, isDiverging));
    }
  }
}

const convolutions = ({ layers }) => layers.filter(({ kind }) => kind.name === 'Conv2D');
