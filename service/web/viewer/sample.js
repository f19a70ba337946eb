import { encodeNpy } from '../lib/npy.js';
import { encodeGrey } from '../lib/png.js';
import { Samples } from '../models/sheet.js';

// Chelsea the cat, by Stefan van der Walt, CC0; from the sample data of scikit-image.
const PHOTOGRAPH = new URL('photograph.jpg', import.meta.url);
const [DIGIT_SIDE, DIGITS] = [28, 60];

/** Return the function that returns sample inputs of a model, one after the other: a digit or a
 * photograph as {blob}, else random pixels as {body}.
 *
 * @param input the model's.
 */
export function samplesOf(input) {
  const { height, width, channels, preparation } = input;
  const samples = new Samples(new URL('../', import.meta.url).href);
  const isDigit = preparation
    ? preparation.name === 'digit'
    : channels === 1 && height === DIGIT_SIDE && width === DIGIT_SIDE;
  let index = 0;
  if (isDigit) {
    return async () => {
      const png = await encodeGrey(await samples.pixels(index++ % DIGITS), DIGIT_SIDE, DIGIT_SIDE);
      return { blob: new Blob([png], { type: 'image/png' }) };
    };
  }
  if (preparation || channels === 3) {
    return async () => ({ blob: await (await fetch(PHOTOGRAPH)).blob() });
  }
  return async () => {
    const pixels = Uint8Array.from({ length: height * width * channels }, () => 256 * Math.random());
    return { body: { type: 'application/x-npy', content: encodeNpy(pixels, [height, width, channels]) } };
  };
}
