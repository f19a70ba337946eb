import { DIGIT } from './network.js';

/** How a cell is called: its layer, then its place; a class by its label. */
export function nameOf(cell, network, t) {
  if (cell.layer === DIGIT) return t('cell.pixel', cell);
  const { last, labels } = network;
  if (cell.layer === last.name && last.isFlat && labels.length === last.channels) {
    return t('cell.class', { label: labels[cell.channel] });
  }
  if (cell.row === undefined) return t('cell.unit', cell);
  return t('cell.map', cell);
}
