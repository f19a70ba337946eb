import { grey } from '../lib/colours.js';
import { sharpContext, theme } from '../lib/dom.js';
import { channelValues, clamp } from '../lib/math.js';
import { diverging, Mosaic, outline } from '../lib/paint.js';
import { percent } from '../lib/numbers.js';
import { channelAt, tileAt } from '../models/layout.js';
import { intensities } from '../models/pixels.js';
import { layoutOf } from './flow-layout.js';

const MARGIN = 4;
const LABEL_WIDTH = 84; // CSS pixels beside a class that select it too

/** The network as one image up to a position: 0 is only the digit, n includes the first n layers. */
export class FlowImage {
  #network;
  #canvas;
  #layout = null;
  #tiles = []; // one image per layer, the digit's first
  #ranking = null; // of the classes; null where the last layer has none

  constructor(canvas, network) {
    this.#canvas = canvas;
    this.#network = network;
  }

  /** Lay out and paint every layer once for a digit and a width; `draw` only composes the images. */
  prepare({ values, digit, width }) {
    const { input, layers, hasClasses } = this.#network;
    const sizes = [{ count: input.channels, rows: input.height, columns: input.width }].concat(
      layers.map(({ channels, rows, columns }) => ({ count: channels, rows, columns })),
    );
    this.#layout = layoutOf(sizes, { width: width - 2 * MARGIN, hasLabels: hasClasses });
    this.#tiles = this.#layout.places.map((place, i) => paint(place, sourceOf(layers[i - 1], values, digit)));
    this.#ranking = hasClasses ? values.ranking() : null;
  }

  /** @param links a list for each layer; `selected` {place, channel} is outlined. */
  draw({ position, links, selected }) {
    const { width, height, places } = this.#layout;
    const context = sharpContext(this.#canvas, width + 2 * MARGIN, height + 2 * MARGIN);
    context.translate(MARGIN, MARGIN);
    const shareOf = (i) => clamp(position - i + 1, 0, 1);
    for (let i = 1; i < places.length; i++) this.#drawLines(context, i, links[i - 1], shareOf(i));
    places.forEach((place, i) => {
      context.globalAlpha = i ? Math.max(shareOf(i) * 2 - 1, 0.06) : 1; // The lines are drawn first.
      context.drawImage(this.#tiles[i], place.x, place.y, place.width, place.height);
    });
    context.globalAlpha = 1;
    this.#drawEdge(context);
    this.#drawNames(context, shareOf);
    if (this.#ranking) this.#drawLabels(context, shareOf(places.length - 1) === 1);
    if (selected) this.#outline(context, selected);
  }

  /** Return {place, channel} of the tile under a pointer, place 0 for the digit; null between tiles. */
  tileUnder({ clientX, clientY }) {
    const box = this.#canvas.getBoundingClientRect();
    const [x, y] = [clientX - box.left - MARGIN, clientY - box.top - MARGIN];
    for (const [i, place] of this.#layout.places.entries()) {
      const label = i === this.#layout.places.length - 1 && this.#ranking ? LABEL_WIDTH : 0;
      const isInside =
        x >= place.x && x < place.x + place.width + label && y >= place.y && y < place.y + place.height;
      const channel = isInside && channelAt(place, Math.min(x - place.x, place.width - 1), y - place.y);
      if (isInside && channel !== null) return { place: i, channel };
    }
    return null;
  }

  /** Return the layout of a layer's tiles, for the arrow keys. */
  grid(place) {
    return this.#layout.places[place];
  }

  #centre(i, channel) {
    const place = this.#layout.places[i];
    const { x, y } = tileAt(place, channel);
    return [place.x + x + (place.columns * place.factor) / 2, place.y + y + (place.rows * place.factor) / 2];
  }

  /** Draw the lines from the layer before; their width and colour show the contribution. */
  #drawLines(context, i, links, share) {
    if (!links?.length || !share) return;
    const { isVertical } = this.#layout;
    const largest = Math.max(...links.map(({ amount }) => Math.abs(amount)));
    const visibleShare = Math.min(share * 2, 1);
    for (const { from, to, amount } of links) {
      const [x0, y0] = this.#centre(i - 1, from);
      const [x1, y1] = this.#centre(i, to);
      const [bendX, bendY] = isVertical ? [0, (y1 - y0) / 2] : [(x1 - x0) / 2, 0];
      context.strokeStyle = amount > 0 ? '#e08214' : '#4393c3';
      context.globalAlpha = 0.25 + 0.5 * (Math.abs(amount) / largest);
      context.lineWidth = 0.75 + 2 * (Math.abs(amount) / largest);
      const length = 2 * Math.hypot(x1 - x0, y1 - y0); // an upper limit of the curve's length
      context.setLineDash(visibleShare < 1 ? [length * 0.55 * visibleShare, length] : []);
      context.beginPath();
      context.moveTo(x0, y0);
      context.bezierCurveTo(x0 + bendX, y0 + bendY, x1 - bendX, y1 - bendY, x1, y1);
      context.stroke();
    }
    context.setLineDash([]);
    context.globalAlpha = 1;
  }

  /** Draw the edge of the digit, because its background is as white as the page. */
  #drawEdge(context) {
    const [{ x, y, width, height }] = this.#layout.places;
    context.lineWidth = 1;
    context.strokeStyle = theme('--line');
    context.strokeRect(x - 0.5, y - 0.5, width + 1, height + 1);
  }

  /** Draw the name of each layer, in a paler colour until the layer is shown. */
  #drawNames(context, shareOf) {
    const { places, isVertical } = this.#layout;
    context.font = '12px system-ui, sans-serif';
    context.textBaseline = 'alphabetic';
    context.textAlign = isVertical ? 'left' : 'center';
    this.#network.layers.forEach(({ name }, i) => {
      const { x, y, width } = places[i + 1];
      context.fillStyle = theme(shareOf(i + 1) > 0.5 ? '--ink' : '--soft');
      if (isVertical) context.fillText(name, 0, y - 7);
      else context.fillText(name, x + width / 2, 12);
    });
  }

  /** Draw the label of each class, with its probability once the classes are shown. */
  #drawLabels(context, isShown) {
    const { places, isVertical } = this.#layout;
    const place = places.at(-1);
    const side = place.columns * place.factor;
    context.textBaseline = 'middle';
    for (const { index, label, probability } of this.#ranking) {
      const { x, y } = tileAt(place, index);
      const isFirst = isShown && probability === this.#ranking[0].probability;
      context.fillStyle = theme(isFirst ? '--ink' : '--soft');
      context.font = `${isFirst ? 700 : 400} 13px system-ui, sans-serif`;
      context.textAlign = isVertical ? 'center' : 'left';
      if (isVertical) context.fillText(label, place.x + x + side / 2, place.y + y + side + 12);
      else
        context.fillText(
          isShown ? `${label}  ${percent(probability)}` : label,
          place.x + x + side + 8,
          place.y + y + side / 2,
        );
    }
  }

  #outline(context, { place, channel }) {
    const { x, y, rows, columns, factor } = this.#layout.places[place];
    const at = tileAt(this.#layout.places[place], channel);
    outline(context, x + at.x, y + at.y, columns * factor, rows * factor, theme('--mark'));
  }
}

/** Return the values and colours of a layer's tiles; those of the digit where there is no layer. */
function sourceOf(layer, values, digit) {
  if (!layer) return { all: intensities(digit), colour: grey };
  return { all: values.of(layer), colour: diverging(values.limit(layer, 'post')) };
}

function paint(place, { all, colour }) {
  const mosaic = new Mosaic(place.width, place.height);
  const { count, columns, factor } = place;
  for (let channel = 0; channel < count; channel++) {
    mosaic.put(channelValues(all, count, channel), columns, colour, {
      ...tileAt(place, channel),
      factor,
      opacity: 1,
    });
  }
  const canvas = document.createElement('canvas');
  [canvas.width, canvas.height] = [place.width, place.height];
  mosaic.draw(canvas.getContext('2d'));
  return canvas;
}
