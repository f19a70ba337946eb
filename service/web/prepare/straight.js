// Finds out whether a mask, {values, width, height}, has a long, thin, straight stroke that is nearly
// horizontal or vertical: the service may remove it as a line. It may also be a part of the digit, such as
// the stem of a 1; deciding that is left to the service.
//
// A mask is searched in strips a few pixels wide. Where a line crosses a strip, it fills a short run of the
// strip's rows, a piece. Pieces of neighbouring strips at about the same height form a chain, and chains
// that continue one another across a gap form a straight stroke.

import { clamp, sum } from '../lib/math.js';

const STRIPS = 60; // of the longer side, within these limits in pixels a strip
const [NARROWEST, WIDEST] = [3, 5];
const MAX_THICKNESS = 1 / 14; // of the longer side
const MIN_MAX_THICKNESS = 6; // pixels
const MAX_SLOPE = 0.25;
const MIN_STRIPS = 3; // of a chain
const MAX_BEND = 0.008; // root mean square distance from a straight line, as a share of the length
const MAX_GAP = 0.4; // share of the longer side, between parts of a line
const MIN_ASPECT = 7; // length divided by thickness
const FILLED = Math.fround(0.4); // share of a line's length that is not a gap

export const hasStraightStroke = (mask) => hasHorizontal(mask) || hasHorizontal(transposed(mask));

/** Swap the rows and columns of an image. */
export function transposed({ values, width, height }) {
  const turned = values.map((_, i) => values[(i % height) * width + Math.floor(i / height)]);
  return { values: turned, width: height, height: width };
}

function hasHorizontal(mask) {
  const longer = Math.max(mask.width, mask.height);
  const width = clamp(Math.floor(longer / STRIPS), NARROWEST, WIDEST);
  const thickest = Math.max(Math.floor(longer * MAX_THICKNESS), MIN_MAX_THICKNESS);
  const chains = chainsOf(piecesOf(mask, width, thickest), MAX_SLOPE * width + 1)
    .filter((chain) => chain.length >= MIN_STRIPS)
    .map(fit)
    .filter(({ length, distance }) => distance <= 0.6 + 4 * MAX_BEND * length);
  return joined(chains, (MAX_GAP * longer) / width).some((group) => isLong(group, width, mask.width));
}

/** Return the pieces {strip, centre, thickness} of each strip. */
function piecesOf({ values, width: columns, height }, width, thickest) {
  const isNear = (row, column) => row >= 0 && row < height && values[row * columns + column];
  return Array.from({ length: Math.floor(columns / width) }, (_, strip) => {
    const pieces = [];
    let start = -1;
    for (let row = 0; row <= height; row++) {
      let isFilled = row < height;
      for (let column = strip * width; isFilled && column < (strip + 1) * width; column++) {
        // A line's row changes by a pixel within a strip.
        isFilled = isNear(row, column) || isNear(row - 1, column) || isNear(row + 1, column);
      }
      if (isFilled && start < 0) start = row;
      if (isFilled || start < 0) continue;
      if (row - start <= thickest + 2) pieces.push(piece(strip, start, row, height));
      start = -1;
    }
    return pieces;
  });
}

/** Return a piece; looking at neighbours made it a row longer at both ends, except at the mask's edges. */
function piece(strip, start, end, height) {
  const first = start > 0 ? start + 1 : 0;
  const last = end < height ? end - 1 : height;
  return { strip, centre: (first + last - 1) / 2, thickness: Math.max(last - first, 1) };
}

/** Link pieces of neighbouring strips of which each is the other's nearest; return lists of pieces. */
function chainsOf(strips, reach) {
  const chains = [];
  let open = new Map(); // the chains that end in the strip before, by their last piece
  strips.forEach((pieces, i) => {
    const before = strips[i - 1] ?? [];
    const next = new Map();
    for (const each of pieces) {
      const previous = nearest(before, each, reach);
      const isMutual = previous && nearest(pieces, previous, reach) === each;
      const chain = isMutual ? open.get(previous) : [];
      if (!isMutual) chains.push(chain);
      chain.push(each);
      next.set(each, chain);
    }
    open = next;
  });
  return chains;
}

/** Return the piece nearest in height, the lower one of two; null beyond `reach`. */
function nearest(pieces, { centre }, reach) {
  const distance = (each) => Math.abs(each.centre - centre);
  let best = null;
  for (const each of pieces) if (!best || distance(each) <= distance(best)) best = each;
  return best && distance(best) <= reach ? best : null;
}

/** Fit a line to a chain: middle strip, mean row, slope per strip, distance (RMS). */
function fit(pieces) {
  const length = pieces.length;
  const middle = sum(pieces.map(({ strip }) => strip)) / length;
  const mean = sum(pieces.map(({ centre }) => centre)) / length;
  const spread = sum(pieces.map(({ strip }) => (strip - middle) ** 2));
  const products = pieces.map(({ strip, centre }) => (strip - middle) * (centre - mean));
  const slope = sum(products) / Math.max(spread, 1);
  const away = ({ strip, centre }) => centre - mean - slope * (strip - middle);
  const distance = Math.sqrt(sum(pieces.map((each) => away(each) ** 2)) / length);
  return { pieces, length, middle, mean, slope, distance };
}

/** Join the chains that continue one another; return the pieces of each group. */
function joined(chains, gap) {
  const group = chains.map((_, i) => i);
  chains.forEach((one, i) => {
    chains.forEach((other, j) => {
      if (!continues(one, other, gap)) return;
      const [kept, replaced] = [group[i], group[j]];
      group.forEach((name, k) => name === replaced && (group[k] = kept));
    });
  });
  const members = (name) => chains.filter((_, i) => group[i] === name).flatMap(({ pieces }) => pieces);
  return [...new Set(group)].map(members);
}

function continues(one, other, gap) {
  const end = one.middle + one.length / 2;
  const start = other.middle - other.length / 2;
  const between = start - end;
  if (between <= -1.5 || between > Math.min(gap, one.length + other.length)) return false;
  const rowOf = ({ mean, slope, middle }) => mean + slope * ((start + end) / 2 - middle);
  if (Math.abs(rowOf(one) - rowOf(other)) > 2 + 0.25 * Math.max(between, 0)) return false;
  return Math.abs(one.slope - other.slope) <= 0.8 + 2 / Math.min(one.length, other.length);
}

function isLong(pieces, width, columns) {
  const strips = pieces.map(({ strip }) => strip);
  const start = Math.min(...strips) * width;
  let end = (Math.max(...strips) + 1) * width;
  if (end + width > columns) end = columns; // the last strip may be incomplete
  const order = pieces.map(({ thickness }) => thickness).sort((a, b) => a - b);
  const thickness = order[Math.floor((pieces.length * 3) / 4)];
  const filled = Math.fround((pieces.length * width) / (end - start));
  return end - start >= MIN_ASPECT * thickness && filled >= FILLED;
}
