// The diverging colour scale of service/model/sheets.py: orange is above 0, blue below, and 0 is nearly
// the colour of the page: near-white, or near-black on a dark one, where larger values are brighter.
// Colours at equal distance from 0 are about equally strong, and all common kinds of colour blindness
// can distinguish them.

const LIGHT = [
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
const DARK = [
  [178, 220, 255],
  [112, 178, 238],
  [67, 140, 205],
  [48, 98, 150],
  [41, 66, 95],
  [35, 41, 49],
  [84, 64, 38],
  [138, 92, 32],
  [196, 126, 28],
  [242, 166, 66],
  [255, 212, 150],
];
const WHITE = 247; // of the colour of 0
const STEPS = 512; // either side of 0

const rampOf = (colours) =>
  Uint32Array.from({ length: 2 * STEPS + 1 }, (_, step) => {
    const at = (step / (2 * STEPS)) * (colours.length - 1);
    const below = Math.min(Math.floor(at), colours.length - 2);
    const [r, g, b] = colours[below].map((c, i) => Math.round(c + (at - below) * (colours[below + 1][i] - c)));
    return (255 << 24) | (b << 16) | (g << 8) | r; // a little-endian RGBA pixel
  });
const RAMPS = { light: rampOf(LIGHT), dark: rampOf(DARK) };

let isDark = false;

/** Use the scale for a dark page from now on, or that for a light one. */
export function setDark(value) {
  isDark = value;
}

/** Return the grey of an intensity: strokes are dark on light paper, and light on a dark page. */
export function grey(value) {
  const level = Math.round(isDark ? 35 + 205 * value : 255 * (1 - value));
  return ((255 << 24) | (level << 16) | (level << 8) | level) >>> 0;
}

/** Return a value's colour as an RGBA pixel; `limit` (above 0) is the strongest orange, -limit the strongest blue. */
export function pixel(value, limit) {
  const step = Math.round((value / limit) * STEPS) + STEPS;
  return RAMPS[isDark ? 'dark' : 'light'][step < 0 ? 0 : step > 2 * STEPS ? 2 * STEPS : step];
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
  const all = isDark ? DARK : LIGHT;
  const shown = diverging ? all : all.slice(all.length >> 1);
  return shown.map((stop) => `rgb(${stop.join(' ')})`);
}

/** Return the scale as a CSS gradient. */
export function gradient(diverging) {
  return `linear-gradient(to right, ${stops(diverging).join(', ')})`;
}

/** Return a colour such as #0b5cad as an RGBA pixel. */
export function packed(hex) {
  const [r, g, b] = [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));
  return ((255 << 24) | (b << 16) | (g << 8) | r) >>> 0;
}
