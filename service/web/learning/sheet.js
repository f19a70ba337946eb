import { sharpContext, theme } from '../lib/dom.js';
import { channelValues } from '../lib/math.js';
import { diverging, Mosaic, outline } from '../lib/paint.js';
import { tileAt, tiles } from '../models/layout.js';

const MARGIN = 4; // CSS pixels, for the outlines of marked tiles

/** Draw all channels of an array as tiles on a canvas.
 *
 * @param values channels last.
 * @param shape {rows, columns, channels}
 * @param limit the value of the darkest colour.
 * @param size about how large a tile is to be; by default as in the playground.
 * @param marked channels with an outline.
 */
export function drawSheet(canvas, values, { rows, columns, channels }, { limit, size, marked = [] }) {
  const layout = tiles(channels, rows, columns, size);
  const { factor, width, height } = layout;
  const context = sharpContext(canvas, width + 2 * MARGIN, height + 2 * MARGIN);
  context.translate(MARGIN, MARGIN);
  const mosaic = new Mosaic(width, height);
  for (let channel = 0; channel < channels; channel++) {
    const place = { ...tileAt(layout, channel), factor, opacity: 1 };
    mosaic.put(channelValues(values, channels, channel), columns, diverging(limit), place);
  }
  mosaic.draw(context);
  for (const channel of marked) {
    const { x, y } = tileAt(layout, channel);
    outline(context, x, y, columns * factor, rows * factor, theme('--mark'));
  }
}
