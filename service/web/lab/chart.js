// Line charts and scatter plots as SVG, in the page's colours.

const SVG = 'http://www.w3.org/2000/svg';
const EDGE = { left: 46, right: 22, top: 12, bottom: 36 };

export function svg(tag, properties = {}, ...children) {
  const node = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(properties)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

/** A chart with axes from `low` to `high`: `x` and `y` return the place of a value, `add` draws. */
export class Chart {
  #plot;

  constructor({ width = 420, height = 220, x, y, label, xTitle }) {
    const [across, down] = [width - EDGE.left - EDGE.right, height - EDGE.top - EDGE.bottom];
    this.x = (value) => EDGE.left + ((value - x.low) / (x.high - x.low || 1)) * across;
    this.y = (value) => EDGE.top + (1 - (value - y.low) / (y.high - y.low || 1)) * down;
    this.node = svg('svg', {
      viewBox: `0 0 ${width} ${height}`,
      class: 'chart',
      role: 'img',
      'aria-label': label,
    });
    for (const tick of y.ticks) {
      this.add('line', {
        x1: EDGE.left,
        x2: width - EDGE.right,
        y1: this.y(tick),
        y2: this.y(tick),
        class: 'rule',
      });
      this.text(EDGE.left - 6, this.y(tick) + 4, (y.text ?? String)(tick), 'end');
    }
    for (const tick of x.ticks) {
      this.text(this.x(tick), height - EDGE.bottom + 16, (x.text ?? String)(tick), 'middle');
    }
    this.#plot = this.#clipped(across, down);
    if (xTitle) this.text(width - EDGE.right, height - 5, xTitle, 'end');
  }

  add(tag, properties, ...children) {
    const node = svg(tag, properties, ...children);
    this.node.append(node);
    return node;
  }

  text(x, y, text, anchor) {
    return this.add('text', { x, y, 'text-anchor': anchor }, text);
  }

  /** Draw a line through points; parts beyond the axes are clipped. */
  line(points, name) {
    const path = points.map(([x, y]) => `${this.x(x)},${this.y(y)}`).join(' ');
    this.#plot.append(svg('polyline', { points: path, class: `line ${name}` }));
  }

  /** Add a nested image that clips its content one stroke's width beyond the axes. */
  #clipped(across, down) {
    const [x, y, width, height] = [EDGE.left - 2, EDGE.top - 2, across + 4, down + 4];
    return this.add('svg', { x, y, width, height, viewBox: [x, y, width, height].join(' ') });
  }
}

/** Return about `count` round numbers between two values. */
export function ticks(low, high, count) {
  const rough = (high - low) / count || 1;
  const size = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((times) => times * size).find((each) => each >= rough);
  const first = Math.ceil(low / step);
  const last = Math.floor(high / step + 1e-9);
  return Array.from({ length: last - first + 1 }, (_, i) => Number(((first + i) * step).toPrecision(6)));
}
