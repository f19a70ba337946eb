import { sharpContext } from '../lib/dom.js';
import { isDrawable } from './layers.js';
import { MAP, MOST_MAPS } from './layout.js';

const UNITS_A_ROW = 8;
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
    const limit = layer.shape.length === 1 ? UNITS_A_ROW * UNITS_A_ROW : MOST_MAPS;
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
    const height = maps * (MAP + 2) - 2;
    if (!preview) return canvas.style.setProperty('height', `${height}px`);
    canvas.classList.remove('old');
    const context = sharpContext(canvas, MAP, height);
    const isMap = layer.shape.length === 3;
    const columns = isMap ? 1 : UNITS_A_ROW;
    const side = isMap ? MAP : (MAP - UNITS_A_ROW + 1) / UNITS_A_ROW;
    const { image, atlas } = preview;
    const { width, height: rows, gap } = atlas.tile;
    context.imageSmoothingEnabled = Math.max(width, rows) > MAP * 2;
    context.imageSmoothingQuality = 'high';
    const step = isMap ? MAP + 2 : side + 1;
    atlas.channels.slice(0, isMap ? maps : Infinity).forEach((_, index) => {
      const [x, y] = [index % atlas.columns, Math.floor(index / atlas.columns)];
      const [left, top] = [(index % columns) * step, Math.floor(index / columns) * step];
      const share = side / Math.max(width, rows);
      const [w, h] = [width * share, rows * share];
      const place = [left + (side - w) / 2, top + (side - h) / 2, w, h];
      context.drawImage(image, x * (width + gap), y * (rows + gap), width, rows, ...place);
    });
    return undefined;
  }
}

async function decoded(source) {
  const image = new Image();
  image.src = source;
  await image.decode();
  return image;
}
