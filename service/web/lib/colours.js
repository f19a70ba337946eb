// The diverging colour scale of service/model/sheets.py: orange is above 0, blue below, near-white is 0.
// Colours at equal distance from 0 are about equally dark, and all common kinds of colour blindness
// can distinguish them.

const STOPS = [
  [5, 48, 97],
  [33, 102, 172],
  [67, 147, 195],
  [146, 197, 222],
  [209, 229, 240],
  [247, 247, 247],
  [254, 224, 182],
  [253, 184, 99],
  [224, 130, 20],
  [179, 88, 6],
  [127, 59, 8],
];
const WHITE = 247; // of the colour of 0
const STEPS = 512; // either side of 0

const RAMP = Uint32Array.from({ length: 2 * STEPS + 1 }, (_, step) => {
  const at = (step / (2 * STEPS)) * (STOPS.length - 1);
  const below = Math.min(Math.floor(at), STOPS.length - 2);
  const [r, g, b] = STOPS[below].map((c, i) => Math.round(c + (at - below) * (STOPS[below + 1][i] - c)));
  return (255 << 24) | (b << 16) | (g << 8) | r; // a little-endian RGBA pixel
});

/** Return a value's colour as an RGBA pixel; `limit` (above 0) is the darkest orange, -limit the darkest blue. */
export function pixel(value, limit) {
  const step = Math.round((value / limit) * STEPS) + STEPS;
  return RAMP[step < 0 ? 0 : step > 2 * STEPS ? 2 * STEPS : step];
}

/** Return the colour of a scale from near-white at 0 to an RGB colour at 1, as an RGBA pixel. */
export function tinted(share, colour) {
  const [r, g, b] = colour.map((c) => Math.round(WHITE + share * (c - WHITE)));
  return ((255 << 24) | (b << 16) | (g << 8) | r) >>> 0;
}

/** Return a value's colour as CSS. */
export const css = (value, limit) => cssOf(pixel(value, limit));

/** Return the colour of an RGBA pixel as CSS. */
export const cssOf = (packed) => `rgb(${packed & 255} ${(packed >> 8) & 255} ${(packed >> 16) & 255})`;

/** Return the text colour, black or white, that can be read on a value's colour. */
export const textColour = (value, limit) => textOn(pixel(value, limit));

/** Return the text colour, black or white, that can be read on an RGBA pixel. */
export function textOn(packed) {
  const linear = [packed & 255, (packed >> 8) & 255, (packed >> 16) & 255].map((c) =>
    c / 255 <= 0.04045 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4,
  );
  const luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
  return luminance > 0.179 ? '#000' : '#fff'; // At 0.179 both have the same contrast (WCAG).
}

/** Return the stops of the whole scale, or of its half from 0, at equal distances, as CSS colours. */
export function stops(diverging) {
  const shown = diverging ? STOPS : STOPS.slice(STOPS.length >> 1);
  return shown.map((stop) => `rgb(${stop.join(' ')})`);
}

/** Return the scale as a CSS gradient. */
export function gradient(diverging) {
  return `linear-gradient(to right, ${stops(diverging).join(', ')})`;
}
