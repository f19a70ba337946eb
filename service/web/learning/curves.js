import { percent, short } from '../lib/numbers.js';
import { t } from '../lib/i18n.js';
import { Chart, ticks } from '../lab/chart.js';
import { figure } from '../lab/controls.js';

const [WIDTH, HEIGHT] = [420, 170];

/** A chart of accuracy or loss at each snapshot, which are at equal distances, with a marker. */
export class Curve {
  #chart;
  #cursor;
  #dot;
  #values;

  /** @param name of a figure in the entries of the snapshots: accuracy or loss. */
  constructor(name, entries) {
    this.#values = entries.map((entry) => entry[name]);
    const high = name === 'accuracy' ? 1 : Math.max(...this.#values);
    const text = name === 'accuracy' ? percent : short;
    this.#chart = new Chart({
      width: WIDTH,
      height: HEIGHT,
      x: {
        low: 0,
        high: entries.length - 1,
        ticks: [...entries.keys()],
        text: (index) => entries[index].step.toLocaleString('en'),
      },
      y: {
        low: 0,
        high,
        ticks: ticks(0, high, 4),
        text: name === 'accuracy' ? (share) => `${100 * share} %` : String,
      },
      label: t('learning.curve', {
        name: t(`learning.${name}`),
        first: text(this.#values[0]),
        last: text(this.#values.at(-1)),
      }),
      xTitle: t('learning.step'),
    });
    this.#cursor = this.#chart.add('line', { y1: this.#chart.y(0), y2: this.#chart.y(high), class: 'cursor' });
    this.#chart.line([...this.#values.entries()], name);
    this.#dot = this.#chart.add('circle', { r: 4.5, class: 'dot' });
    this.node = figure(t(`learning.${name}`), this.#chart.node);
  }

  /** Move the marker to a snapshot. */
  mark(index) {
    const x = this.#chart.x(index);
    this.#cursor.setAttribute('x1', x);
    this.#cursor.setAttribute('x2', x);
    this.#dot.setAttribute('cx', x);
    this.#dot.setAttribute('cy', this.#chart.y(this.#values[index]));
  }
}
