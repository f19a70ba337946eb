import { DIGIT } from './network.js';

/** Return the name of a cell: its layer and its place, or the label of its class. */
export function nameOf(cell, network, t) {
  if (cell.layer === DIGIT) return t('cell.pixel', cell);
  const { last, labels, hasClasses } = network;
  if (hasClasses && cell.layer === last.name) return t('cell.class', { label: labels[cell.channel] });
  if (cell.row === undefined) return t('cell.unit', cell);
  return t('cell.map', cell);
}
