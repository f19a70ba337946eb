// The paper's own coordinates are whole numbers, 0–255 both ways, so that a stroke in a link is
// the very stroke that was drawn.
export const PAPER = 256;
export const BRUSHES = { thin: 14, normal: 20, thick: 28 }; // diameters

/** Strokes → {pixels, width, height}: black (0) on white (255), edges smooth. */
export function rasterise(strokes) {
  const pixels = new Uint8Array(PAPER * PAPER).fill(255);
  for (const { points, brush } of strokes) {
    points.forEach((point, i) => segment(pixels, points[Math.max(i - 1, 0)], point, brush / 2));
  }
  return { pixels, width: PAPER, height: PAPER };
}

function segment(pixels, [x0, y0], [x1, y1], radius) {
  const clamp = (value) => Math.min(Math.max(value, 0), PAPER - 1);
  const [dx, dy] = [x1 - x0, y1 - y0];
  const squared = dx * dx + dy * dy || 1;
  const reach = radius + 1;
  const right = clamp(Math.ceil(Math.max(x0, x1) + reach));
  const bottom = clamp(Math.ceil(Math.max(y0, y1) + reach));
  for (let y = clamp(Math.floor(Math.min(y0, y1) - reach)); y <= bottom; y++) {
    for (let x = clamp(Math.floor(Math.min(x0, x1) - reach)); x <= right; x++) {
      const along = Math.min(Math.max(((x - x0) * dx + (y - y0) * dy) / squared, 0), 1);
      const distance = Math.hypot(x - x0 - along * dx, y - y0 - along * dy);
      const ink = Math.min(Math.max(radius + 0.5 - distance, 0), 1);
      const at = y * PAPER + x;
      pixels[at] = Math.min(pixels[at], Math.round(255 * (1 - ink)));
    }
  }
}

/** Strokes as text for a link: of each its brush, how many points, then x and y; base64url. */
export function encodeStrokes(strokes) {
  const bytes = strokes.flatMap(({ points, brush }) => [
    brush,
    points.length >> 8,
    points.length & 255,
    ...points.flat(),
  ]);
  return toText(Uint8Array.from(bytes));
}

/** The strokes of such a text; an empty list where it is none. */
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

/** Bytes as base64 that a link can hold. */
export function toText(bytes) {
  const binary = Array.from(bytes, (byte) => String.fromCharCode(byte)).join('');
  return btoa(binary).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
}

/** And back; no bytes where it is not that. */
export function fromText(text) {
  try {
    return Uint8Array.from(atob(text.replaceAll('-', '+').replaceAll('_', '/')), (c) => c.charCodeAt(0));
  } catch {
    return new Uint8Array();
  }
}
