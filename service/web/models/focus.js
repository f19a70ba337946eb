import { DIGIT } from './network.js';
import { cellRegion } from './region.js';

/** Return what is highlighted for a cell: its own channel, and what it reads of the layer before.
 *
 * @returns {[layer name]: {channel, region}}: channel null for all, region null for the whole map;
 *   layers without an entry are dimmed. Null without a cell: nothing is dimmed.
 */
export function focusOn(network, cell) {
  if (!cell) return null;
  const region = cell.row === undefined ? null : cellRegion(cell.row, cell.column);
  const focus = { [cell.layer]: { channel: cell.channel, region } };
  if (cell.layer === DIGIT) return focus;
  const layer = network.find(cell.layer);
  focus[network.before(layer)?.name ?? DIGIT] = layer.kind.reads(layer, cell);
  focus[DIGIT] ??= { channel: null, region: network.receptiveField(cell) };
  return focus;
}
