// The occlusion map of a digit, as service/model/occlusion.py computes it where a request has no
// parameters.

import { intensities } from '../models/pixels.js';
import { roundHalfToEven } from '../prepare/strokes.js';

const [PATCH, SIDE, STRIDES_A_PATCH] = [6, 28, 3];
const MOST_POSITIONS = 256;
const [BACKGROUND, MID_GREY] = [0, 128];

/** Compute how much the confidence drops when each patch of a digit is covered.
 *
 * @param changes to the network (edits.js); the digit has the changed pixels already.
 * @returns {occlusion: {label, confidence, patch, pixels: the mean drop over the patches on each pixel, by rows}}
 */
export async function occlude(digit, changes, { network, local }) {
  const { height, width } = digit;
  const patch = Math.max(1, roundHalfToEven((Math.min(height, width) * PATCH) / SIDE));
  const stride = strideOf(patch, [height, width]);
  const corners = positions(height, patch, stride).flatMap((top) =>
    positions(width, patch, stride).map((left) => ({ top, left })),
  );
  const fill = network.acceptsImages ? BACKGROUND : MID_GREY;
  const covered = corners.map((corner) => intensities(cover(digit, corner, patch, fill)));
  const others = changes.filter(({ kind }) => kind !== 'pixel');
  const [probabilities, ...without] = await local.classify([intensities(digit), ...covered], others);
  const confidence = Math.max(...probabilities);
  const index = probabilities.indexOf(confidence);
  const drops = without.map((each) => confidence - each[index]);
  const pixels = byPixel(drops, corners, patch, [height, width]);
  return { occlusion: { label: network.labels[index], confidence, patch, pixels } };
}

/** Return a third of the patch; more, up to all of it, on an input that is long. */
function strideOf(patch, sides) {
  const count = (stride) => sides.reduce((product, side) => product * positions(side, patch, stride).length, 1);
  let stride = Math.ceil(patch / STRIDES_A_PATCH);
  while (stride < patch && count(stride) > MOST_POSITIONS) stride++;
  return stride;
}

/** Return where the patch starts along one side, the last one at the border. */
function positions(side, patch, stride) {
  const last = side - patch;
  return [...Array.from({ length: Math.ceil(last / stride) }, (_, i) => i * stride), last];
}

function cover({ pixels, height, width, channels }, { top, left }, patch, fill) {
  const covered = Uint8Array.from(pixels);
  for (let row = top; row < top + patch; row++) {
    const first = (row * width + left) * channels;
    covered.fill(fill, first, first + patch * channels);
  }
  return { pixels: covered, height, width, channels };
}

/** Average the drop over the patches that cover each pixel. */
function byPixel(drops, corners, patch, [height, width]) {
  const covers = ({ top, left }, row, column) =>
    row >= top && row < top + patch && column >= left && column < left + patch;
  return Array.from({ length: height }, (_, row) =>
    Array.from({ length: width }, (__, column) => {
      const those = drops.filter((___, i) => covers(corners[i], row, column));
      return those.reduce((sum, drop) => sum + drop, 0) / those.length;
    }),
  );
}
