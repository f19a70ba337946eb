import { grey } from '../lib/colours.js';
import { el, sharpContext, theme } from '../lib/dom.js';
import { clamp } from '../lib/math.js';
import { cellImage, draw, outline } from '../lib/paint.js';
import { t } from '../lib/i18n.js';
import { meanIntensities } from '../models/pixels.js';
import { isEmpty } from '../models/sheet.js';
import { BRUSHES, DRAWING_SIZE } from '../models/strokes.js';

const PEN_STEP = 8; // units of the drawing that an arrow key moves the pen by

/** The drawing area, for mouse, finger, stylus and keyboard. */
export class DrawingArea {
  #root;
  #store;
  #sheets;
  #canvas = el('canvas', { 'aria-hidden': 'true' });
  #invitation = el('p', { class: 'invitation', 'aria-hidden': 'true' });
  #takesPhotographs;
  #pointer = null; // the id of the pointer that draws
  #pen = { at: [DRAWING_SIZE / 2, DRAWING_SIZE / 4], isDown: false, isVisible: false }; // of the keyboard
  #background = null; // an image or a digit under the strokes

  constructor(root, { store, sheets, samples, takesPhotographs = false }) {
    Object.assign(root, { tabIndex: 0, className: 'paper' });
    root.setAttribute('role', 'application');
    root.append(this.#canvas, this.#invitation);
    this.#root = root;
    this.#store = store;
    this.#sheets = sheets;
    this.#takesPhotographs = takesPhotographs;
    this.#listen(root);
    store.watch(['lang'], () => this.#drawTexts());
    store.watch(['sheet'], () => {
      if (!sheets.isBeingDrawn) this.#endStroke();
    });
    store.watch(['sheet', 'dark'], ({ sheet }) => this.#showSheet(sheet, samples));
    store.watch(['segments', 'segment'], () => this.#draw());
    store.watch(['digit'], ({ digit, sheet }) => this.#showDigit(digit, sheet));
    new ResizeObserver(() => this.#draw()).observe(root);
  }

  #listen(root) {
    root.addEventListener('pointerdown', (event) => this.#down(event));
    root.addEventListener('pointermove', (event) => this.#move(event));
    for (const end of ['pointerup', 'pointercancel']) {
      root.addEventListener(end, (event) => {
        if (event.pointerId === this.#pointer) this.#pointer = null;
      });
    }
    root.addEventListener('keydown', (event) => this.#key(event));
    root.addEventListener('blur', () => {
      this.#pen = { ...this.#pen, isDown: false, isVisible: false };
      this.#draw();
    });
  }

  #drawTexts() {
    this.#root.setAttribute('aria-label', t('paper.name'));
    const how = this.#takesPhotographs ? [t('paper.how')] : [];
    this.#invitation.replaceChildren(el('strong', {}, t('paper.invite')), ...how);
  }

  #point({ clientX, clientY }) {
    const box = this.#canvas.getBoundingClientRect();
    return [(clientX - box.left) / box.width, (clientY - box.top) / box.height].map((share) =>
      clamp(Math.round(share * DRAWING_SIZE), 0, DRAWING_SIZE - 1),
    );
  }

  #brush() {
    return BRUSHES[this.#store.state.brush];
  }

  #down(event) {
    if (!event.isPrimary || event.button !== 0) return;
    event.preventDefault(); // Else the browser selects text or scrolls.
    this.#root.focus({ preventScroll: true });
    this.#root.setPointerCapture(event.pointerId);
    this.#endStroke();
    this.#pointer = event.pointerId;
    this.#sheets.begin(this.#point(event), this.#brush());
  }

  #move(event) {
    if (event.pointerId !== this.#pointer) return;
    const steps = event.getCoalescedEvents?.() ?? [];
    for (const step of steps.length ? steps : [event]) this.#sheets.extend(this.#point(step));
  }

  /** End the stroke, because another begins or another sheet has replaced its own. */
  #endStroke() {
    if (this.#pen.isDown) this.#store.set({ announcement: t('paper.up') });
    this.#pen.isDown = false;
    this.#pointer = null;
  }

  /** Move the pen with the arrow keys; lower and lift it with Space. */
  #key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const [dx, dy] =
      { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key] ?? [];
    const pen = this.#pen;
    if (dx !== undefined) {
      const to = [pen.at[0] + dx * PEN_STEP, pen.at[1] + dy * PEN_STEP];
      pen.at = to.map((coordinate) => clamp(coordinate, 0, DRAWING_SIZE - 1));
      if (pen.isDown) this.#sheets.extend(pen.at);
    } else if (event.key === ' ' || event.key === 'Enter') {
      const wasDown = pen.isDown;
      this.#endStroke();
      if (!wasDown) this.#lower();
    } else {
      return;
    }
    event.preventDefault();
    pen.isVisible = true;
    this.#draw();
  }

  #lower() {
    this.#sheets.begin(this.#pen.at, this.#brush());
    this.#pen.isDown = true;
    this.#store.set({ announcement: t('paper.down') });
  }

  async #showSheet(sheet, samples) {
    this.#background = null;
    this.#draw();
    if (sheet.kind === 'sample') {
      const pixels = await samples.pixels(sheet.index);
      if (this.#store.state.sheet === sheet) this.#setBackground({ pixels, width: 28, channels: 1 });
    } else if (sheet.kind === 'image') {
      // The service reports an image that cannot be decoded.
      const bitmap = await createImageBitmap(sheet.blob).catch(() => null);
      if (this.#store.state.sheet === sheet) this.#setBackground(bitmap);
    }
  }

  #showDigit(digit, sheet) {
    if (digit && (sheet.kind === 'random' || sheet.kind === 'array')) this.#setBackground(digit);
  }

  #setBackground(background) {
    this.#background = background;
    this.#draw();
  }

  #draw() {
    const side = this.#root.clientWidth;
    if (!side) return;
    const context = sharpContext(this.#canvas, side, side);
    const { sheet, segments, segment } = this.#store.state;
    this.#invitation.hidden = !isEmpty(sheet) || this.#pen.isVisible;
    if (this.#background) this.#drawBackground(context, side);
    if (sheet.kind === 'strokes') this.#drawStrokes(context, side, sheet.strokes);
    if (segments) this.#drawBoxes(context, side, segments, segment);
    if (this.#pen.isVisible) this.#drawPen(context, side);
  }

  #drawBackground(context, side) {
    const background = this.#background;
    if (background instanceof ImageBitmap) {
      const { scale, left, top } = fit(background, side);
      context.imageSmoothingEnabled = true;
      context.drawImage(background, left, top, background.width * scale, background.height * scale);
      return;
    }
    const { width } = background;
    const values = meanIntensities(background);
    const height = values.length / width;
    const scale = Math.min(side / width, side / height);
    draw(
      context,
      cellImage(values, width, grey),
      (side - width * scale) / 2,
      (side - height * scale) / 2,
      width * scale,
      height * scale,
    );
  }

  /** Outline each digit of several, the selected one in the colour of marks. */
  #drawBoxes(context, side, segments, segment) {
    const isPicture = this.#background instanceof ImageBitmap;
    const drawing = { width: DRAWING_SIZE, height: DRAWING_SIZE };
    const { scale, left, top } = fit(isPicture ? this.#background : drawing, side);
    const ratio = this.#canvas.width / side;
    context.setTransform(ratio, 0, 0, ratio, left * ratio, top * ratio);
    const mark = ({ box }, ...look) =>
      outline(context, box.left * scale, box.top * scale, box.width * scale, box.height * scale, ...look);
    for (const each of segments.filter(({ isDigit }) => isDigit)) mark(each, theme('--soft'), 1);
    mark(segments[segment], theme('--mark'), 2);
  }

  #drawStrokes(context, side, strokes) {
    context.scale(side / DRAWING_SIZE, side / DRAWING_SIZE);
    Object.assign(context, { lineCap: 'round', lineJoin: 'round', strokeStyle: theme('--pen') });
    for (const { points, brush } of strokes) {
      context.lineWidth = brush;
      context.beginPath();
      context.moveTo(...points[0]);
      for (const point of points) context.lineTo(...point);
      context.stroke();
    }
  }

  #drawPen(context, side) {
    const [x, y] = this.#pen.at;
    context.setTransform(this.#canvas.width / DRAWING_SIZE, 0, 0, this.#canvas.width / DRAWING_SIZE, 0, 0);
    context.lineWidth = (2 * DRAWING_SIZE) / side;
    context.strokeStyle = theme('--mark');
    context.beginPath();
    context.arc(x, y, this.#brush() / 2 + 3, 0, 2 * Math.PI);
    context.stroke();
    if (!this.#pen.isDown) return;
    context.fillStyle = theme('--mark');
    context.beginPath();
    context.arc(x, y, 3, 0, 2 * Math.PI);
    context.fill();
  }
}

/** Return where an image fits in the middle of a square, and its scale there. */
function fit({ width, height }, side) {
  const scale = side / Math.max(width, height);
  return { scale, left: (side - width * scale) / 2, top: (side - height * scale) / 2 };
}
