import { clamp } from '../lib/math.js';

// A drawing's coordinates are whole numbers, 0–255 both ways, so that a link holds a stroke exactly.
export const DRAWING_SIZE = 256;
export const BRUSHES = { thin: 14, normal: 20, thick: 28 }; // diameters

/** Rasterise strokes to {pixels, width, height}: black (0) on white (255), with smooth edges. */
export function rasterise(strokes) {
  return new Raster().of(strokes);
}

/** The raster of strokes that grow: only what they have gained is drawn. */
export class Raster {
  #pixels = blank();
  #strokes = [];

  of(strokes) {
    if (!isExtension(strokes, this.#strokes)) [this.#pixels, this.#strokes] = [blank(), []];
    strokes.forEach(({ points, brush }, i) => {
      const drawn = this.#strokes[i]?.points.length ?? 0;
      for (let at = drawn; at < points.length; at++) {
        segment(this.#pixels, points[Math.max(at - 1, 0)], points[at], brush / 2);
      }
    });
    this.#strokes = strokes;
    return { pixels: this.#pixels.slice(), width: DRAWING_SIZE, height: DRAWING_SIZE };
  }
}

const blank = () => new Uint8Array(DRAWING_SIZE * DRAWING_SIZE).fill(255);

/** Whether strokes begin with all points of others. Points are shared, because sheets are immutable. */
function isExtension(strokes, others) {
  return others.every(({ points, brush }, i) => {
    const own = strokes[i];
    return own?.brush === brush && points.every((point, at) => own.points[at] === point);
  });
}

function segment(pixels, [x0, y0], [x1, y1], radius) {
  const inside = (value) => clamp(value, 0, DRAWING_SIZE - 1);
  const [dx, dy] = [x1 - x0, y1 - y0];
  const squared = dx * dx + dy * dy || 1;
  const reach = radius + 1;
  const right = inside(Math.ceil(Math.max(x0, x1) + reach));
  const bottom = inside(Math.ceil(Math.max(y0, y1) + reach));
  for (let y = inside(Math.floor(Math.min(y0, y1) - reach)); y <= bottom; y++) {
    for (let x = inside(Math.floor(Math.min(x0, x1) - reach)); x <= right; x++) {
      const along = clamp(((x - x0) * dx + (y - y0) * dy) / squared, 0, 1);
      const distance = Math.hypot(x - x0 - along * dx, y - y0 - along * dy);
      const coverage = clamp(radius + 0.5 - distance, 0, 1);
      const at = y * DRAWING_SIZE + x;
      pixels[at] = Math.min(pixels[at], Math.round(255 * (1 - coverage)));
    }
  }
}

/** Encode strokes as base64url: for each its brush, its number of points, then x and y of each point. */
export function encodeStrokes(strokes) {
  const bytes = strokes.flatMap(({ points, brush }) => [
    brush,
    points.length >> 8,
    points.length & 255,
    ...points.flat(),
  ]);
  return toText(Uint8Array.from(bytes));
}

/** Decode strokes from base64url; return an empty list where the text is invalid. */
export function decodeStrokes(text) {
  const bytes = fromText(text);
  const strokes = [];
  for (let at = 0; at + 3 <= bytes.length;) {
    const [brush, high, low] = bytes.subarray(at, at + 3);
    const count = (high << 8) | low;
    const flat = bytes.subarray(at + 3, at + 3 + 2 * count);
    if (flat.length < 2 * count || !brush || !count) return [];
    strokes.push({ brush, points: Array.from({ length: count }, (_, i) => [flat[2 * i], flat[2 * i + 1]]) });
    at += 3 + 2 * count;
  }
  return strokes;
}

/** Encode bytes as base64url. */
export function toText(bytes) {
  const binary = Array.from(bytes, (byte) => String.fromCharCode(byte)).join('');
  return btoa(binary).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
}

/** Decode base64url to bytes; return no bytes where the text is invalid. */
export function fromText(text) {
  try {
    return Uint8Array.from(atob(text.replaceAll('-', '+').replaceAll('_', '/')), (c) => c.charCodeAt(0));
  } catch {
    return new Uint8Array();
  }
}
