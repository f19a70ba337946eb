import { KINDS } from '../compute/edits.js';
import { decodeStrokes, encodeStrokes, fromText, toText } from './strokes.js';
import { SCALES, STAGES } from './route.js';
import { EMPTY, isEmpty } from './sheet.js';

const [BETWEEN, WITHIN] = ['~', ':']; // changes, and the parts of one

/** Encode the page's state as the hash of a URL. */
export function toHash({ sheet, digit, cell, isChosen, changes = [], lang, stage, scale }) {
  const parts = new URLSearchParams(sheetPart(sheet, digit));
  for (const [name, value] of Object.entries((isChosen && cell) || {})) {
    if (value !== undefined && value !== null) parts.set(name, value);
  }
  if (changes.length) parts.set('changes', changes.map(encodeChange).join(BETWEEN));
  if (stage !== STAGES[0]) parts.set('stage', stage);
  if (scale !== SCALES[0]) parts.set('scale', scale);
  parts.set('lang', lang);
  return parts.toString();
}

/** Return the parameters of a link for a sheet; `digit` is the preprocessed image. */
export function sheetPart(sheet, digit) {
  if (isEmpty(sheet)) return {};
  switch (sheet.kind) {
    case 'strokes':
      return { strokes: encodeStrokes(sheet.strokes) };
    case 'sample':
      return { sample: sheet.index };
    case 'random':
      return { random: sheet.seed };
    case 'array':
      return { pixels: toText(sheet.pixels) };
    default:
      return digit ? { pixels: toText(digit.pixels) } : {}; // An image file is too long for a link.
  }
}

/** Decode the state in a hash; what is missing or invalid is left out. */
export function fromHash(hash, network) {
  const parts = new URLSearchParams(hash.replace(/^#/, ''));
  const cell = cellOf(parts, network);
  const state = { sheet: sheetOf(parts, network), cell, isChosen: cell !== null };
  if (parts.has('changes')) state.changes = changesOf(parts.get('changes'), network);
  if (STAGES.includes(parts.get('stage'))) state.stage = parts.get('stage');
  if (SCALES.includes(parts.get('scale'))) state.scale = parts.get('scale');
  if (parts.has('lang')) state.lang = parts.get('lang');
  return state;
}

/** Return the sheet in a link's parameters; an empty one where there is none. */
export function sheetOf(parts, { input: { height, width, channels } }) {
  const whole = (name) => (/^\d{1,9}$/.test(parts.get(name)) ? Number(parts.get(name)) : null);
  if (parts.has('strokes')) return { kind: 'strokes', strokes: decodeStrokes(parts.get('strokes')) };
  if (whole('sample') !== null) return { kind: 'sample', index: whole('sample') };
  if (whole('random') !== null) return { kind: 'random', seed: whole('random') };
  const pixels = fromText(parts.get('pixels') ?? '');
  return pixels.length === height * width * channels ? { kind: 'array', pixels } : EMPTY;
}

function cellOf(parts, network) {
  const cell = { layer: parts.get('layer') };
  for (const name of ['channel', 'row', 'column']) {
    if (/^\d{1,6}$/.test(parts.get(name))) cell[name] = Number(parts.get(name));
  }
  return network.has(cell) ? cell : null;
}

/** Encode a change to the network or the digit (compute/edits.js): kind, layer, place and value. */
function encodeChange({ kind, layer = '', channel, index, factor, value }) {
  return [kind, layer, channel ?? index ?? '', factor ?? value ?? ''].join(WITHIN);
}

/** Return the changes in a link that concern the network. */
function changesOf(text, network) {
  return text.split(BETWEEN).flatMap((part) => {
    const [kind, layer, place, value] = part.split(WITHIN);
    const isKnown = kind === 'pixel' ? layer === '' : network.find(layer);
    const isValid = KINDS.includes(kind) && isKnown && /^\d{0,7}$/.test(place) && Number.isFinite(Number(value));
    return isValid ? [changeOf(kind, layer, Number(place), Number(value))] : [];
  });
}

function changeOf(kind, layer, place, value) {
  switch (kind) {
    case 'silence':
      return { kind, layer, channel: place };
    case 'scale':
      return { kind, layer, factor: value };
    case 'weight':
      return { kind, layer, index: place, value };
    case 'bias':
      return { kind, layer, channel: place, value };
    case 'pixel':
      return { kind, index: place, value };
    default:
      throw new RangeError(`Unknown kind of change "${kind}".`);
  }
}
