import { el, sharpContext, theme } from '../lib/dom.js';
import { draw, grey, picture } from '../lib/paint.js';
import { t } from '../lib/i18n.js';
import { isEmpty } from '../models/sheet.js';
import { BRUSHES, PAPER } from '../models/strokes.js';

const PEN_STEP = 8; // paper units an arrow key moves the pen

/** The paper: draws with pointer, finger, pen, and with the keyboard; takes dropped pictures. */
export class Paper {
  #root;
  #store;
  #sheets;
  #canvas = el('canvas', { 'aria-hidden': 'true' });
  #invitation = el('p', { class: 'invitation', 'aria-hidden': 'true' });
  #pointer = null; // id of the one that draws
  #pen = { at: [PAPER / 2, PAPER / 4], down: false, shown: false };
  #picture = null;

  constructor(root, { store, sheets, samples }) {
    Object.assign(root, { tabIndex: 0, className: 'paper' });
    root.setAttribute('role', 'application');
    root.append(this.#canvas, this.#invitation);
    this.#root = root;
    this.#store = store;
    this.#sheets = sheets;
    this.#listen(root);
    store.watch(['lang'], () => this.#name());
    store.watch(['sheet'], () => {
      if (!sheets.isBeingDrawn) this.#lift();
    });
    store.watch(['sheet', 'dark'], ({ sheet }) => this.#show(sheet, samples));
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
      this.#pen = { ...this.#pen, down: false, shown: false };
      this.#draw();
    });
  }

  #name() {
    this.#root.setAttribute('aria-label', t('paper.name'));
    this.#invitation.replaceChildren(el('strong', {}, t('paper.invite')), t('paper.how'));
  }

  #point({ clientX, clientY }) {
    const box = this.#canvas.getBoundingClientRect();
    return [(clientX - box.left) / box.width, (clientY - box.top) / box.height].map((share) =>
      Math.min(Math.max(Math.round(share * PAPER), 0), PAPER - 1),
    );
  }

  #brush() {
    return BRUSHES[this.#store.state.brush];
  }

  #down(event) {
    if (!event.isPrimary || event.button !== 0) return;
    event.preventDefault(); // no text selection, no scrolling
    this.#root.focus({ preventScroll: true });
    this.#root.setPointerCapture(event.pointerId);
    this.#lift();
    this.#pointer = event.pointerId;
    this.#sheets.begin(this.#point(event), this.#brush());
  }

  #move(event) {
    if (event.pointerId !== this.#pointer) return;
    const steps = event.getCoalescedEvents?.() ?? [];
    for (const step of steps.length ? steps : [event]) this.#sheets.extend(this.#point(step));
  }

  /** End the stroke: another begins, or the sheet was changed under it. */
  #lift() {
    if (this.#pen.down) this.#store.set({ said: t('paper.up') });
    this.#pen.down = false;
    this.#pointer = null;
  }

  /** Arrows move the pen, Space lowers and lifts it. */
  #key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const [dx, dy] =
      { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key] ?? [];
    const pen = this.#pen;
    if (dx !== undefined) {
      pen.at = [pen.at[0] + dx * PEN_STEP, pen.at[1] + dy * PEN_STEP].map((v) =>
        Math.min(Math.max(v, 0), PAPER - 1),
      );
      if (pen.down) this.#sheets.extend(pen.at);
    } else if (event.key === ' ' || event.key === 'Enter') {
      const wasDown = pen.down;
      this.#lift();
      if (!wasDown) this.#lower();
    } else {
      return;
    }
    event.preventDefault();
    pen.shown = true;
    this.#draw();
  }

  #lower() {
    this.#sheets.begin(this.#pen.at, this.#brush());
    this.#pen.down = true;
    this.#store.set({ said: t('paper.down') });
  }

  async #show(sheet, samples) {
    this.#picture = null;
    this.#draw();
    if (sheet.kind === 'sample') {
      const pixels = await samples.pixels(sheet.index);
      if (this.#store.state.sheet === sheet) this.#lay({ pixels, width: 28, channels: 1 });
    } else if (sheet.kind === 'picture') {
      const bitmap = await createImageBitmap(sheet.blob).catch(() => null); // the service says what is wrong
      if (this.#store.state.sheet === sheet) this.#lay(bitmap);
    }
  }

  #showDigit(digit, sheet) {
    if (digit && (sheet.kind === 'random' || sheet.kind === 'array')) this.#lay(digit);
  }

  #lay(shown) {
    this.#picture = shown;
    this.#draw();
  }

  #draw() {
    const side = this.#root.clientWidth;
    if (!side) return;
    const context = sharpContext(this.#canvas, side, side);
    const { sheet } = this.#store.state;
    this.#invitation.hidden = !isEmpty(sheet) || this.#pen.shown;
    if (this.#picture) this.#drawPicture(context, side);
    if (sheet.kind === 'strokes') this.#drawStrokes(context, side, sheet.strokes);
    if (this.#pen.shown) this.#drawPen(context, side);
  }

  #drawPicture(context, side) {
    const shown = this.#picture;
    if (shown instanceof ImageBitmap) {
      const scale = side / Math.max(shown.width, shown.height);
      const [width, height] = [shown.width * scale, shown.height * scale];
      context.imageSmoothingEnabled = true;
      context.drawImage(shown, (side - width) / 2, (side - height) / 2, width, height);
      return;
    }
    const { channels, width } = shown;
    const values = Float32Array.from(
      { length: shown.pixels.length / channels },
      (_, i) =>
        shown.pixels.subarray(i * channels, (i + 1) * channels).reduce((a, b) => a + b) / channels / 255,
    );
    const height = values.length / width;
    const scale = Math.min(side / width, side / height);
    draw(
      context,
      picture(values, width, grey),
      (side - width * scale) / 2,
      (side - height * scale) / 2,
      width * scale,
      height * scale,
    );
  }

  #drawStrokes(context, side, strokes) {
    context.scale(side / PAPER, side / PAPER);
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
    context.setTransform(this.#canvas.width / PAPER, 0, 0, this.#canvas.width / PAPER, 0, 0);
    context.lineWidth = (2 * PAPER) / side;
    context.strokeStyle = theme('--mark');
    context.beginPath();
    context.arc(x, y, this.#brush() / 2 + 3, 0, 2 * Math.PI);
    context.stroke();
    if (!this.#pen.down) return;
    context.fillStyle = theme('--mark');
    context.beginPath();
    context.arc(x, y, 3, 0, 2 * Math.PI);
    context.fill();
  }
}
