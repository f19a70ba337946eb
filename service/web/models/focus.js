import { DIGIT } from './network.js';

/** What lights up for a cell: its own channel, and what it reads of the layer before.
 *
 * @returns {[layer name]: {channel, region}}: channel null for all, region null for the whole map;
 *   layers without an entry are dimmed. Null without a cell: nothing is dimmed.
 */
export function focusOn(network, cell) {
  if (!cell) return null;
  const lit = { [cell.layer]: { channel: cell.channel, region: regionOf(cell) } };
  if (cell.layer === DIGIT) return lit;
  const layer = network.find(cell.layer);
  const before = network.before(layer);
  const name = before?.name ?? DIGIT;
  if (layer.isConvolution || layer.isPooling) {
    lit[name] = { channel: layer.isPooling ? cell.channel : null, region: layer.window(cell) };
  } else if (layer.kind === 'Flatten' && before && !before.isFlat) {
    const place = Math.floor(cell.channel / before.channels);
    const at = { row: Math.floor(place / before.columns), column: place % before.columns };
    lit[name] = { channel: cell.channel % before.channels, region: regionOf(at) };
  } else {
    lit[name] = { channel: null, region: null };
  }
  lit[DIGIT] ??= { channel: null, region: network.receptiveField(cell) };
  return lit;
}

function regionOf({ row, column }) {
  return row === undefined ? null : { top: row, left: column, height: 1, width: 1 };
}
