import { stops } from '../lib/colours.js';
import { theme } from '../lib/dom.js';

const MARGIN = 16;

/** Render the main picture as the page shows it, links, names, legends and classes included, as a PNG. */
export function viewAsPng(root) {
  const ratio = window.devicePixelRatio || 1;
  const sheet = document.createElement('canvas');
  const [width, height] = [root.scrollWidth + 2 * MARGIN, root.clientHeight + 2 * MARGIN];
  [sheet.width, sheet.height] = [width * ratio, height * ratio];
  const context = sheet.getContext('2d');
  context.scale(ratio, ratio);
  context.fillStyle = theme('--card');
  context.fillRect(0, 0, width, height);
  const origin = root.getBoundingClientRect();
  context.translate(MARGIN + root.scrollLeft - origin.left, MARGIN - origin.top);
  for (const node of inOrder(root)) drawNode(context, node);
  return new Promise((done) => sheet.toBlob(done, 'image/png'));
}

/** Return the visible elements, those above the tiles last. */
function inOrder(root) {
  const visible = [...root.querySelectorAll('*')].filter(
    (node) => node.getClientRects().length && !node.closest('.pop-over'),
  );
  const isAbove = (node) => node.classList.contains('above');
  return [...visible.filter((node) => !isAbove(node)), ...visible.filter(isAbove)];
}

function drawNode(context, node) {
  const { left, top, width, height } = node.getBoundingClientRect();
  if (node.tagName === 'CANVAS') {
    context.drawImage(node, left, top, width, height);
    return;
  }
  const style = getComputedStyle(node);
  if (node.classList.contains('ramp')) context.fillStyle = gradient(context, node, left, width);
  else context.fillStyle = style.backgroundColor; // Where there is none, it is transparent.
  context.fillRect(left, top, width, height);
  const text = [...node.childNodes].some(({ nodeType }) => nodeType === Node.TEXT_NODE) && node.textContent;
  if (text) drawText(context, text, style, { left, top, width, height });
}

function drawText(context, text, style, { left, top, width, height }) {
  context.font = `${style.fontWeight} ${style.fontSize} ${style.fontFamily}`;
  context.fillStyle = style.color;
  context.textBaseline = 'middle';
  const at = { center: [left + width / 2, 'center'], right: [left + width, 'right'] }[style.textAlign];
  const [x, align] = at ?? [left, 'left'];
  context.textAlign = align;
  context.fillText(text, x, top + height / 2);
}

function gradient(context, ramp, left, width) {
  const isDiverging = ramp.previousSibling.textContent.startsWith('−');
  const colours = stops(isDiverging);
  const result = context.createLinearGradient(left, 0, left + width, 0);
  colours.forEach((colour, i) => result.addColorStop(i / (colours.length - 1), colour));
  return result;
}
