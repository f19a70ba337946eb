import { sharpContext, theme } from '../lib/dom.js';
import { diverging, grey, Mosaic, outline } from '../lib/paint.js';
import { percent } from '../lib/numbers.js';
import { channelAt, tileAt } from '../models/layout.js';
import { DIGIT } from '../models/network.js';
import { layoutOf } from './flow-layout.js';

const MARGIN = 4;

/** The network as one picture, up to some position: 0 only the digit, n all of the first n layers. */
export class FlowPicture {
  #network;
  #canvas;
  #layout = null;
  #tiles = []; // an image a layer, the digit's first
  #shown = null;

  constructor(canvas, network) {
    this.#canvas = canvas;
    this.#network = network;
  }

  /** Another digit, another width: lay out and paint every layer once; frames only compose. */
  prepare({ values, digit, width }) {
    const { input, layers, labels, last } = this.#network;
    const sizes = [{ count: input.channels, rows: input.height, columns: input.width }].concat(
      layers.map(({ channels, rows, columns }) => ({ count: channels, rows, columns })),
    );
    const classes = last.isFlat && labels.length === last.channels;
    this.#layout = layoutOf(sizes, { width: width - 2 * MARGIN, classes });
    this.#tiles = this.#layout.places.map((place, i) => paint(place, sourceOf(layers[i - 1], values, digit)));
    this.#shown = { values, ranking: classes ? values.ranking() : null };
  }

  /** @param links a list for each layer; `chosen` {place, channel} is outlined. */
  draw({ position, links, chosen }) {
    const { width, height, places } = this.#layout;
    const context = sharpContext(this.#canvas, width + 2 * MARGIN, height + 2 * MARGIN);
    context.translate(MARGIN, MARGIN);
    const shareOf = (i) => Math.min(Math.max(position - i + 1, 0), 1);
    for (let i = 1; i < places.length; i++) this.#lines(context, i, links[i - 1], shareOf(i));
    places.forEach((place, i) => {
      context.globalAlpha = i ? Math.max(shareOf(i) * 2 - 1, 0.06) : 1; // after the lines have come
      context.drawImage(this.#tiles[i], place.x, place.y, place.width, place.height);
    });
    context.globalAlpha = 1;
    this.#edge(context);
    this.#names(context, shareOf);
    if (this.#shown.ranking) this.#labels(context, shareOf(places.length - 1) === 1);
    if (chosen) this.#outline(context, chosen);
  }

  /** {place, channel} under a point of the window: place 0 is the digit; null between tiles. */
  under({ clientX, clientY }) {
    const box = this.#canvas.getBoundingClientRect();
    const [x, y] = [clientX - box.left - MARGIN, clientY - box.top - MARGIN];
    for (const [i, place] of this.#layout.places.entries()) {
      const label = i === this.#layout.places.length - 1 && this.#shown.ranking ? 84 : 0;
      const inside =
        x >= place.x && x < place.x + place.width + label && y >= place.y && y < place.y + place.height;
      const channel = inside && channelAt(place, Math.min(x - place.x, place.width - 1), y - place.y);
      if (inside && channel !== null) return { place: i, channel };
    }
    return null;
  }

  /** How many tiles stand beside each other, for the arrow keys. */
  grid(place) {
    return this.#layout.places[place];
  }

  #middle(i, channel) {
    const place = this.#layout.places[i];
    const { x, y } = tileAt(place, channel);
    return [place.x + x + (place.columns * place.factor) / 2, place.y + y + (place.rows * place.factor) / 2];
  }

  /** Lines grow from the layer before; how thick and what colour: how much is added or taken. */
  #lines(context, i, links, share) {
    if (!links?.length || !share) return;
    const { isVertical } = this.#layout;
    const most = Math.max(...links.map(({ amount }) => Math.abs(amount)));
    const grown = Math.min(share * 2, 1);
    for (const { from, to, amount } of links) {
      const [x0, y0] = this.#middle(i - 1, from);
      const [x1, y1] = this.#middle(i, to);
      const [bendX, bendY] = isVertical ? [0, (y1 - y0) / 2] : [(x1 - x0) / 2, 0];
      context.strokeStyle = amount > 0 ? '#e08214' : '#4393c3';
      context.globalAlpha = 0.25 + 0.5 * (Math.abs(amount) / most);
      context.lineWidth = 0.75 + 2 * (Math.abs(amount) / most);
      const length = 2 * Math.hypot(x1 - x0, y1 - y0); // more than the curve has
      context.setLineDash(grown < 1 ? [length * 0.55 * grown, length] : []);
      context.beginPath();
      context.moveTo(x0, y0);
      context.bezierCurveTo(x0 + bendX, y0 + bendY, x1 - bendX, y1 - bendY, x1, y1);
      context.stroke();
    }
    context.setLineDash([]);
    context.globalAlpha = 1;
  }

  /** Paper is as white as the page. */
  #edge(context) {
    const [{ x, y, width, height }] = this.#layout.places;
    context.lineWidth = 1;
    context.strokeStyle = theme('--line');
    context.strokeRect(x - 0.5, y - 0.5, width + 1, height + 1);
  }

  /** Above every layer: what is there stands out from what is still to come. */
  #names(context, shareOf) {
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

  #labels(context, isThere) {
    const { places, isVertical } = this.#layout;
    const place = places.at(-1);
    const side = place.columns * place.factor;
    context.textBaseline = 'middle';
    for (const { index, label, probability } of this.#shown.ranking) {
      const { x, y } = tileAt(place, index);
      const isFirst = isThere && probability === this.#shown.ranking[0].probability;
      context.fillStyle = theme(isFirst ? '--ink' : '--soft');
      context.font = `${isFirst ? 700 : 400} 13px system-ui, sans-serif`;
      context.textAlign = isVertical ? 'center' : 'left';
      if (isVertical) context.fillText(label, place.x + x + side / 2, place.y + y + side + 12);
      else
        context.fillText(
          isThere ? `${label}  ${percent(probability)}` : label,
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

/** What a layer's tiles are painted with; the digit's where there is no layer. */
function sourceOf(layer, values, digit) {
  if (!layer)
    return { name: DIGIT, all: Float32Array.from(digit.pixels, (byte) => byte / 255), colour: grey };
  return { name: layer.name, all: values.of(layer), colour: diverging(values.limit(layer, 'post')) };
}

function paint(place, { all, colour }) {
  const mosaic = new Mosaic(place.width, place.height);
  const { count, columns, factor } = place;
  for (let channel = 0; channel < count; channel++) {
    const own = Float32Array.from({ length: all.length / count }, (_, i) => all[i * count + channel]);
    mosaic.put(own, columns, colour, { ...tileAt(place, channel), factor, opacity: 1 });
  }
  const canvas = document.createElement('canvas');
  [canvas.width, canvas.height] = [place.width, place.height];
  mosaic.draw(canvas.getContext('2d'));
  return canvas;
}
