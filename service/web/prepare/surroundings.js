// Which components of a drawing are strokes, and whether the service may remove some of them as lines or
// frames. Components are those of `findComponents`, each with `certain`, the number of its pixels of more
// than half of the full contrast, and `isAtEdge`, whether it touches an edge of the drawing.

import { sum } from '../lib/math.js';
import { crop, findComponents } from './components.js';
import { hasStraightStroke, transposed } from './straight.js';

const MIN_SIDE = 6; // pixels of the longer side of the smallest digit
const MIN_SOLIDITY = 0.6; // of a stroke at the edge, as a share of the largest stroke's
const MIN_STROKE_SHARE = 0.3; // of the area of all components
const MAX_STROKES = 100; // more are texture
const SPECK = 0.05; // share of the largest component's area, below which a component is a speck
const EDGE_BANDS = 7; // of a stroke's box, in the outermost of which a frame's side lies
const WIDE = 1.2; // width divided by height, of a digit joined to the line below it
const ALONG = 0.8; // share of a side of its box
const THIN = 6; // length divided by thickness, of a line
const FRAME_FILL = 0.84; // share of its box that a frame encloses
const HOLLOW = 0.5; // share of what it encloses that a frame leaves free
const SIDE = 0.25; // of a frame's side, for the side of the smallest stroke within

const heightOf = ({ top, bottom }) => bottom - top;
const widthOf = ({ left, right }) => right - left;
const longerSide = (part) => Math.max(heightOf(part), widthOf(part));

/** Return the components that are strokes rather than specks; none where there are only specks. */
export function findStrokes(parts) {
  const visible = parts.filter(({ certain }) => certain > 0);
  const largest = Math.max(...visible.map(({ area }) => area));
  const minSolidity = MIN_SOLIDITY * solidity(most(parts, 'certain'));
  const strokes = visible.filter(
    (part) => part.area > SPECK * largest && (!part.isAtEdge || solidity(part) > minSolidity),
  );
  const areaOf = (list) => sum(list.map(({ area }) => area));
  const isTexture = strokes.length > MAX_STROKES || areaOf(strokes) < MIN_STROKE_SHARE * areaOf(visible);
  return isTexture || !strokes.some((part) => longerSide(part) >= MIN_SIDE) ? [] : strokes;
}

const solidity = ({ certain, area }) => certain / area;

/** Return the first of the components that have most of something. */
const most = (parts, name) => parts.reduce((best, part) => (part[name] > best[name] ? part : best));

/** Return whether the service may remove a part of the strokes as a line, a box or a grid.
 *
 * @param mask the foreground's.
 * @param components {labels, parts} of the mask.
 * @param strokes those of `findStrokes`, at least one.
 */
export function mayHaveSurroundings(mask, components, strokes) {
  if (strokes.length === 1 && !strokes[0].isAtEdge && !hasBase(crop(mask, strokes[0]))) return false;
  const digit = most(strokes, 'certain');
  return (
    mayBeFrame(components, most(strokes, 'area'), mask.width) ||
    strokes.some((part) => isDetachedLine(part, digit)) ||
    strokes.some((outer) => strokes.some((inner) => encloses(outer, inner))) ||
    hasStraightStroke(mask)
  );
}

/** Return whether a single stroke, cropped to its box, may be joined to a frame, or to a long line below. */
function hasBase(mask) {
  const { width, height } = mask;
  const box = { top: 0, left: 0, bottom: height, right: width };
  const band = Math.floor(height / EDGE_BANDS) + 1;
  if (columnsDrawn(crop(mask, { ...box, top: height - band })) < ALONG * width) return false;
  if (width > WIDE * height) return true;
  const side = Math.floor(width / EDGE_BANDS) + 1;
  const rowsDrawn = (part) => columnsDrawn(transposed(part));
  return (
    columnsDrawn(crop(mask, { ...box, bottom: band })) > ALONG * width &&
    rowsDrawn(crop(mask, { ...box, right: side })) > ALONG * height &&
    rowsDrawn(crop(mask, { ...box, left: width - side })) > ALONG * height
  );
}

/** Count the columns of a mask in which something is drawn. */
function columnsDrawn({ values, width }) {
  const isDrawn = new Uint8Array(width);
  values.forEach((value, i) => value && (isDrawn[i % width] = 1));
  return sum(isDrawn);
}

/** Return whether a component encloses nearly all of its box, and leaves it mostly free. */
function mayBeFrame({ labels, parts }, part, width) {
  const index = parts.indexOf(part);
  const [height, stride] = [heightOf(part) + 2, widthOf(part) + 2];
  const values = new Uint8Array(height * stride).fill(1); // the background, and a margin around it
  for (let y = part.top; y < part.bottom; y++) {
    for (let x = part.left; x < part.right; x++) {
      if (labels[y * width + x] === index) values[(y - part.top + 1) * stride + x - part.left + 1] = 0;
    }
  }
  const outside = findComponents({ values, width: stride, height }).parts[0];
  const enclosed = values.length - outside.area;
  return enclosed >= FRAME_FILL * heightOf(part) * widthOf(part) && part.area <= HOLLOW * enclosed;
}

/** Return whether a stroke is a straight line below or beside the digit, and as long as that. */
function isDetachedLine(part, digit) {
  const [height, width] = [heightOf(part), widthOf(part)];
  if (part.top >= digit.bottom && width > THIN * height && width > ALONG * widthOf(digit)) return true;
  const isBeside = part.left >= digit.right || part.right <= digit.left;
  return isBeside && height > THIN * width && height > ALONG * heightOf(digit);
}

/** Return whether a stroke lies in the box of another one, which may then be a frame around it. */
function encloses(outer, inner) {
  const isInside =
    inner.top >= outer.top &&
    inner.bottom <= outer.bottom &&
    inner.left >= outer.left &&
    inner.right <= outer.right;
  if (inner === outer || !isInside) return false;
  return Math.max(heightOf(inner) / heightOf(outer), widthOf(inner) / widthOf(outer)) > SIDE;
}
