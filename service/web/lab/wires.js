// The connections between the inputs and the outputs of a layer, along one row of its maps.

import { sharpContext, theme } from '../lib/dom.js';
import { clamp } from '../lib/math.js';

const SIZE = { width: 300, height: 250 }; // CSS pixels
const EDGE = 14; // left and right of the first and the last unit
const BEHIND = { most: 4, x: 5, y: 7 }; // maps that are drawn behind the first one, and their offset
const [TOP, BOTTOM] = [56, 194]; // the first output map and the first input map

/** Where the units are: along x for a layer of `size` inputs and `output` outputs. */
export function placesOf({ size, output, channels, filters }) {
  const depth = Math.min(Math.max(channels, filters) - 1, BEHIND.most);
  const width = SIZE.width - 2 * EDGE - depth * BEHIND.x;
  const step = size > 1 ? width / (size - 1) : 0;
  const left = size > 1 ? EDGE : SIZE.width / 2;
  const inset = (size - output) / 2;
  return { step, input: (i) => left + i * step, output: (i) => left + (i + inset) * step };
}

/** Return the output that is nearest to x. */
export function outputAt(x, layer) {
  const { step, output } = placesOf(layer);
  return clamp(Math.round((x - output(0)) / (step || 1)), 0, layer.output - 1);
}

/** Draw inputs below and outputs above; lines of one colour are one weight. One output is selected.
 *
 * @param kind 'full', 'local' or 'shared'; layer {size, output, channels, filters, kernel}; texts
 *   {inputs, outputs}.
 */
export function drawWires(canvas, kind, layer, selected, texts) {
  const { size, output, channels, filters, kernel } = layer;
  const context = sharpContext(canvas, SIZE.width, SIZE.height);
  const places = placesOf(layer);
  const reach = (unit) => (kind === 'full' ? [0, size] : [unit, unit + kernel]);
  const weightOf = { full: (unit, i) => unit * size + i, local: (unit, i) => unit * kernel + i - unit };
  const weight = weightOf[kind] ?? ((unit, i) => i - unit);
  const count = output * (kind === 'full' ? size : kernel);
  const line = (unit, input, map) => {
    context.strokeStyle = shade(weight(unit, input) + map * size * output);
    context.beginPath();
    context.moveTo(places.input(input) + map * BEHIND.x, BOTTOM + map * BEHIND.y);
    context.lineTo(places.output(unit), TOP);
    context.stroke();
  };
  const drawUnit = (unit, maps) => {
    const [from, to] = reach(unit);
    for (let map = maps - 1; map >= 0; map--) for (let i = from; i < to; i++) line(unit, i, map);
  };
  context.globalAlpha = clamp(40 / count, 0.06, 0.45);
  context.lineWidth = 1.5;
  for (let unit = 0; unit < output; unit++) if (unit !== selected) drawUnit(unit, 1);
  context.globalAlpha = 1;
  context.lineWidth = clamp(places.step / 3, 1, 3);
  drawUnit(selected, Math.min(channels, BEHIND.most + 1));

  const radius = clamp(places.step * 0.3, 1.4, 6) || 6;
  const dots = (maps, number, x, y, direction, colour) => {
    for (let map = Math.min(maps - 1, BEHIND.most); map >= 0; map--) {
      for (let i = 0; i < number; i++) {
        const at = [x(i) + map * BEHIND.x, y + direction * map * BEHIND.y];
        dot(context, ...at, radius, map ? theme('--inactive') : colour(i));
      }
    }
  };
  dots(channels, size, places.input, BOTTOM, 1, () => theme('--ink'));
  dots(filters, output, places.output, TOP, -1, (i) => theme(i === selected ? '--point' : '--soft'));
  dot(context, places.output(selected), TOP, Math.max(radius, 4), theme('--point'));
  context.fillStyle = theme('--soft');
  context.font = '12px system-ui, sans-serif';
  context.fillText(texts.outputs, 2, 14);
  context.fillText(texts.inputs, 2, SIZE.height - 6);
}

/** Return the colour of a weight, which differs from those of the weights next to it. */
function shade(weight) {
  return `oklch(${weight % 2 ? 0.55 : 0.68} 0.16 ${(weight * 137.5 + 60) % 360})`;
}

function dot(context, x, y, radius, colour) {
  context.fillStyle = colour;
  context.beginPath();
  context.arc(x, y, radius, 0, 2 * Math.PI);
  context.fill();
}
