// Which components of a drawing are strokes, and whether the service may remove some of them as lines or
// frames. Components are those of `findComponents`, each with `certain`, its pixels of at least half of the
// full contrast.

import { findComponents } from './components.js';
import { hasStraightStroke } from './straight.js';

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

/** Return the components that are strokes rather than specks; none where there are only specks.
 *
 * @param parts the components.
 * @param isAtEdge whether a component touches an edge of the drawing.
 */
export function findStrokes(parts, isAtEdge) {
  const visible = parts.filter(({ certain }) => certain > 0);
  const largest = Math.max(...visible.map(({ area }) => area));
  const solid = parts.reduce((best, part) => (part.certain > best.certain ? part : best));
  const minSolidity = (MIN_SOLIDITY * solid.certain) / solid.area;
  const strokes = visible.filter(
    (part) => part.area > SPECK * largest && (!isAtEdge(part) || part.certain / part.area > minSolidity),
  );
  const areaOf = (list) => list.reduce((total, { area }) => total + area, 0);
  const isTexture = strokes.length > MAX_STROKES || areaOf(strokes) < MIN_STROKE_SHARE * areaOf(visible);
  return isTexture || !strokes.some((part) => longerSide(part) >= MIN_SIDE) ? [] : strokes;
}

/** Return whether the service may remove a part of the strokes as a line, a box or a grid.
 *
 * @param foreground {mask, width, height}.
 * @param components {labels, parts} of the mask.
 * @param strokes those of `findStrokes`, at least one.
 * @param isAtEdge see `findStrokes`.
 */
export function mayHaveSurroundings(foreground, components, strokes, isAtEdge) {
  if (strokes.length === 1 && !isAtEdge(strokes[0]) && !hasBase(foreground, strokes[0])) return false;
  const biggest = strokes.reduce((best, part) => (part.area > best.area ? part : best));
  const digit = strokes.reduce((best, part) => (part.certain > best.certain ? part : best));
  return (
    mayBeFrame(components, biggest, foreground.width) ||
    strokes.some((part) => isDetachedLine(part, digit)) ||
    strokes.some((outer) => strokes.some((inner) => encloses(outer, inner))) ||
    hasStraightStroke(foreground)
  );
}

/** Return whether a single stroke may be joined to a frame, or to a long line below it. */
function hasBase({ mask, width }, { top, left, bottom, right }) {
  const [down, across] = [bottom - top, right - left];
  /** Count the rows (or columns) of a part of the box in which something is drawn. */
  const rowsDrawn = (from, to, first, last, stride, next) => {
    let count = 0;
    for (let row = from; row < to; row++) {
      let isDrawn = false;
      for (let column = first; column < last && !isDrawn; column++) {
        isDrawn = mask[row * stride + column * next] === 1;
      }
      if (isDrawn) count++;
    }
    return count;
  };
  const band = Math.floor(down / EDGE_BANDS) + 1;
  const columnsDrawn = (first, last) => rowsDrawn(left, right, first, last, 1, width);
  if (columnsDrawn(Math.max(bottom - band, top), bottom) < ALONG * across) return false;
  if (across > WIDE * down) return true;
  const side = Math.floor(across / EDGE_BANDS) + 1;
  const sides = [
    rowsDrawn(top, bottom, left, Math.min(left + side, right), width, 1),
    rowsDrawn(top, bottom, Math.max(right - side, left), right, width, 1),
  ];
  const above = columnsDrawn(top, Math.min(top + band, bottom));
  return above > ALONG * across && Math.min(...sides) > ALONG * down;
}

/** Return whether a component encloses nearly all of its box, and leaves it mostly free. */
function mayBeFrame({ labels, parts }, part, width) {
  const index = parts.indexOf(part);
  const [down, across] = [heightOf(part) + 2, widthOf(part) + 2];
  const mask = new Uint8Array(down * across).fill(1); // the background, and a margin around it
  for (let y = part.top; y < part.bottom; y++) {
    for (let x = part.left; x < part.right; x++) {
      if (labels[y * width + x] === index) mask[(y - part.top + 1) * across + x - part.left + 1] = 0;
    }
  }
  const outside = findComponents({ mask, width: across, height: down }).parts[0];
  const enclosed = down * across - outside.area;
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
