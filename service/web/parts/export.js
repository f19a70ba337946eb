import { theme } from '../lib/dom.js';

const GAP = 24;
const HEAD = 84;

/** The columns as they are on the page, with their names, as one PNG. */
export function viewAsPng(root) {
  const ratio = window.devicePixelRatio || 1;
  const columns = [...root.querySelectorAll('.column:not(.wide)')].map((node) => ({
    node,
    canvas: node.querySelector('canvas'),
  }));
  const width = columns.reduce((sum, { canvas }) => sum + Math.max(canvas.offsetWidth, 110) + GAP, GAP);
  const height = HEAD + GAP + Math.max(...columns.map(({ canvas }) => canvas.offsetHeight));
  const sheet = document.createElement('canvas');
  [sheet.width, sheet.height] = [width * ratio, height * ratio];
  const context = sheet.getContext('2d');
  context.scale(ratio, ratio);
  context.fillStyle = theme('--card');
  context.fillRect(0, 0, width, height);
  let left = GAP;
  for (const { node, canvas } of columns) {
    heading(context, node, left);
    context.drawImage(canvas, left, HEAD, canvas.offsetWidth, canvas.offsetHeight);
    left += Math.max(canvas.offsetWidth, 110) + GAP;
  }
  return new Promise((done) => sheet.toBlob(done, 'image/png'));
}

function heading(context, node, left) {
  const [title, ...facts] = [...node.querySelectorAll('header > *')].map((line) => line.textContent);
  context.fillStyle = theme('--ink');
  context.font = '600 13px system-ui, sans-serif';
  context.fillText(title, left + 4, 28);
  context.fillStyle = theme('--soft');
  context.font = '11px system-ui, sans-serif';
  facts.slice(0, 3).forEach((line, i) => context.fillText(line, left + 4, 44 + 14 * i));
}
