import { stops } from '../lib/colours.js';
import { theme } from '../lib/dom.js';

const GAP = 24;
const HEAD = 84;
const MIN_WIDTH = 110; // of a column
const LEGEND = { top: 10, width: 110, height: 52 };
const ROW = { width: 180, height: 22 }; // of a class

/** Render the columns as the page shows them, with names, legends and classes, as one PNG. */
export function viewAsPng(root) {
  const ratio = window.devicePixelRatio || 1;
  const columns = [...root.querySelectorAll('.column')].map(measure);
  const width = columns.reduce((sum, column) => sum + column.width + GAP, GAP);
  const height = HEAD + GAP + Math.max(...columns.map((column) => column.height));
  const sheet = document.createElement('canvas');
  [sheet.width, sheet.height] = [width * ratio, height * ratio];
  const context = sheet.getContext('2d');
  context.scale(ratio, ratio);
  context.fillStyle = theme('--card');
  context.fillRect(0, 0, width, height);
  let left = GAP;
  for (const column of columns) {
    heading(context, column.node, left);
    if (column.canvas) maps(context, column, left);
    else classes(context, column, left);
    left += column.width + GAP;
  }
  return new Promise((done) => sheet.toBlob(done, 'image/png'));
}

/** Return a column's elements, its width, and its height below the heading. */
function measure(node) {
  const canvas = node.querySelector('canvas');
  if (canvas) {
    const legend = node.querySelector('.legend');
    const height = canvas.offsetHeight + (legend ? LEGEND.top + LEGEND.height : 0);
    return { node, canvas, legend, width: Math.max(canvas.offsetWidth, MIN_WIDTH), height };
  }
  const rows = [...node.querySelectorAll('.classes li')];
  return { node, rows, width: ROW.width, height: rows.length * ROW.height };
}

function heading(context, node, left) {
  const [title, ...facts] = texts(node, 'header > *');
  text(context, title, left + 4, 28, '600 13px', '--ink');
  facts.slice(0, 3).forEach((line, i) => text(context, line, left + 4, 44 + 14 * i));
}

function maps(context, { canvas, legend, node }, left) {
  context.drawImage(canvas, left, HEAD, canvas.offsetWidth, canvas.offsetHeight);
  if (!legend) return;
  const top = HEAD + canvas.offsetHeight + LEGEND.top;
  const marks = texts(legend, '.marks span');
  ramp(context, left + 4, top, marks.length === 3);
  marks.forEach((mark, i) => {
    const share = i / (marks.length - 1);
    context.textAlign = ['left', 'center', 'right'][2 * share];
    text(context, mark, left + 4 + share * (LEGEND.width - 8), top + 22);
  });
  context.textAlign = 'left';
  texts(node, 'footer .soft').forEach((line) => text(context, line, left + 4, top + 38));
}

function ramp(context, left, top, isDiverging) {
  const width = LEGEND.width - 8;
  const colours = stops(isDiverging);
  const gradient = context.createLinearGradient(left, 0, left + width, 0);
  colours.forEach((colour, i) => gradient.addColorStop(i / (colours.length - 1), colour));
  context.fillStyle = gradient;
  context.fillRect(left, top, width, 8);
}

/** Draw the list of classes: a heading, then the label, probability and logit of each class. */
function classes(context, { rows }, left) {
  rows.forEach((row, i) => {
    const cells = texts(row, i ? 'button > *' : 'span');
    const isFirst = Boolean(row.querySelector('.first'));
    const y = HEAD + ROW.height * (i + 0.7);
    text(context, cells[0], left + 4, y, '600 13px', isFirst ? '--accent' : '--ink');
    context.textAlign = 'right';
    text(context, cells[1], left + ROW.width - 60, y, isFirst ? '600 11px' : '11px', i ? '--ink' : '--soft');
    text(context, cells[2], left + ROW.width, y);
    context.textAlign = 'left';
  });
}

function text(context, line, x, y, font = '11px', colour = '--soft') {
  context.font = `${font} system-ui, sans-serif`;
  context.fillStyle = theme(colour);
  context.fillText(line, x, y);
}

function texts(node, selector) {
  return [...node.querySelectorAll(selector)].map((one) => one.textContent);
}
