import { sharpContext } from '../lib/dom.js';
import { isDrawable } from './layers.js';
import { GAP, MAP, MOST_MAPS } from './layout.js';

const UNITS = 64; // of a flat layer
const CONCURRENCY_LIMIT = 2; // requests

/** Small maps of the strongest channels of the layers in sight, requested once for each picture. */
export class Previews {
  #api;
  #picture = null;
  #tiles = new Map(); // from canvas to {layer, maps, isVisible}
  #loaded = new Map(); // from a layer's name to its preview, or null where the request has failed
  #inFlight = new Set(); // names of layers
  #observer;

  constructor({ api, root }) {
    this.#api = api;
    this.#observer = new IntersectionObserver((entries) => this.#see(entries), { root, rootMargin: '60px' });
  }

  /** Draw the previews of another picture from now on. */
  reset(picture) {
    this.#picture = picture;
    this.#loaded.clear();
    this.#inFlight.clear();
    for (const canvas of this.#tiles.keys()) canvas.classList.add('old');
    this.#request();
  }

  /** Draw on these canvases, [{canvas, layer, maps}], and forget those before. */
  show(tiles) {
    this.#observer.disconnect();
    this.#tiles = new Map();
    for (const { canvas, layer, maps } of tiles.filter(({ layer: { shape } }) => isDrawable({ shape }))) {
      this.#tiles.set(canvas, { layer, maps, isVisible: false });
      this.#draw(canvas);
      this.#observer.observe(canvas);
    }
  }

  #see(entries) {
    for (const { target, isIntersecting } of entries) {
      const tile = this.#tiles.get(target);
      if (tile) tile.isVisible = isIntersecting;
    }
    this.#request();
  }

  #request() {
    if (!this.#picture) return;
    for (const { layer, isVisible } of this.#tiles.values()) {
      if (this.#inFlight.size >= CONCURRENCY_LIMIT) return;
      if (isVisible && !this.#loaded.has(layer.name) && !this.#inFlight.has(layer.name)) this.#load(layer);
    }
  }

  async #load(layer) {
    const picture = this.#picture;
    this.#inFlight.add(layer.name);
    const limit = layer.shape.length === 1 ? UNITS : MOST_MAPS;
    const drawing = { layer: layer.name, order: 'strongest', scale: 'map', limit };
    const preview = await this.#api
      .atlas(picture.body, drawing)
      .then(async (atlas) => ({ atlas, image: await decoded(atlas.image) }))
      .catch(() => null);
    if (this.#picture !== picture) return;
    this.#inFlight.delete(layer.name);
    this.#loaded.set(layer.name, preview);
    for (const [canvas, tile] of this.#tiles) if (tile.layer.name === layer.name) this.#draw(canvas);
    this.#request();
  }

  #draw(canvas) {
    const { layer, maps } = this.#tiles.get(canvas);
    const preview = this.#loaded.get(layer.name);
    const height = maps * (MAP + GAP) - GAP;
    if (!preview) return canvas.style.setProperty('height', `${height}px`);
    canvas.classList.remove('old');
    canvas.classList.add('drawn');
    return drawTiles(sharpContext(canvas, MAP, height), preview, height, layer.shape.length === 3);
  }
}

/** Draw the tiles of an atlas as far as they fit: maps one below the other, units in rows. */
function drawTiles(context, { atlas, image }, height, isMap) {
  const { width, height: rows, gap } = atlas.tile;
  context.imageSmoothingEnabled = Math.max(width, rows) > 2 * MAP;
  context.imageSmoothingQuality = 'high';
  const columns = isMap ? 1 : height > MAP ? 4 : 8;
  const space = isMap ? GAP : 1;
  const side = (MAP + space) / columns - space;
  const count = columns * Math.floor((height + space) / (side + space) + 0.01);
  for (let index = 0; index < Math.min(count, atlas.channels.length); index++) {
    const x = (index % atlas.columns) * (width + gap);
    const y = Math.floor(index / atlas.columns) * (rows + gap);
    const share = side / Math.max(width, rows);
    const [w, h] = [width * share, rows * share];
    const left = (index % columns) * (side + space) + (side - w) / 2;
    const top = Math.floor(index / columns) * (side + space) + (side - h) / 2;
    context.drawImage(image, x, y, width, rows, left, top, w, h);
  }
}

async function decoded(source) {
  const image = new Image();
  image.src = source;
  await image.decode();
  return image;
}
