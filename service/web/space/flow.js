import { LineBasicMaterial, LineSegments } from '../vendor/three.js';
import { pixel } from '../lib/colours.js';
import { linksTo, linksToCell } from '../models/links.js';
import { lines } from './geometry.js';
import { centre } from './layout.js';

const STEPS = 20; // straight pieces of a curve
const FAINT = 0.1; // the opacity of the weakest line
const STRONG = 0.75;
const BESIDE_SELECTED = 0.4; // the share of their opacity that lines keep beside a selected cell
const SELECTED = 1.3; // the share that its own lines have

/** The lines to one layer: the largest contributions to its strongest channels, or to the selected cell. */
export class Flow {
  #network;
  #layer;
  #from; // the places of both layers
  #to;

  constructor(network, from, to) {
    this.#network = network;
    this.#layer = to.layer;
    [this.#from, this.#to] = [from, to];
    const material = new LineBasicMaterial({ vertexColors: true, transparent: true, depthWrite: false });
    this.lines = new LineSegments(lines([]), material);
    this.lines.frustumCulled = false; // Its bounds change with every digit.
  }

  get z() {
    return (this.#from.z + this.#to.z) / 2;
  }

  set order(order) {
    this.lines.renderOrder = order;
  }

  /** Draw the lines of a digit; none without weights. */
  draw({ values, digit, cell, weights }) {
    const layer = this.#layer;
    const [points, colours] = [[], []];
    if (values && digit && weights) {
      const context = { network: this.#network, values, digit, weights };
      const all = linksTo(layer, context).map((link) => [link, values.strongest(layer, link.to)]);
      const isSelected = cell?.layer === layer.name;
      const own = isSelected ? linksToCell(layer, cell, context).map((link) => [link, cell]) : [];
      this.#add(all, cell ? BESIDE_SELECTED : 1, points, colours);
      this.#add(own, SELECTED, points, colours);
    }
    this.lines.geometry.dispose();
    this.lines.geometry = lines(points, colours);
  }

  dispose() {
    this.lines.geometry.dispose();
    this.lines.material.dispose();
  }

  #add(links, share, points, colours) {
    const largest = Math.max(...links.map(([{ amount }]) => Math.abs(amount)));
    for (const [{ from, amount }, cell] of links) {
      const { region } = this.#layer.kind.reads(this.#layer, cell);
      const start = centre(this.#from, from, region);
      const end = centre(this.#to, cell.channel, cellRegionOf(cell));
      const strength = Math.abs(amount) / largest;
      // Half the scale at the least, because near-white lines could not be seen on a light page.
      const packed = pixel(Math.sign(amount) * (0.5 + strength / 4), 1);
      const rgb = [packed & 255, (packed >> 8) & 255, (packed >> 16) & 255].map((level) => level / 255);
      const colour = [...rgb, share * (FAINT + (STRONG - FAINT) * strength)];
      for (let step = 0; step < STEPS; step++) {
        points.push(between(start, end, step / STEPS), between(start, end, (step + 1) / STEPS));
        colours.push(colour, colour);
      }
    }
  }
}

const cellRegionOf = ({ row, column }) =>
  row === undefined ? null : { top: row, left: column, height: 1, width: 1 };

/** Return a point of the curve that leaves a layer and arrives at the next one at right angles. */
function between(start, end, at) {
  const smooth = at * at * (3 - 2 * at);
  return start.map((from, axis) => from + (end[axis] - from) * (axis === 2 ? at : smooth));
}
