import { el } from '../lib/dom.js';
import { t } from '../lib/i18n.js';
import { PLAYGROUND } from '../models/route.js';
import { EMPTY } from '../models/sheet.js';
import { BRUSHES } from '../models/strokes.js';

/** The tools of the drawing area: undo, clear, brushes, samples, image files, camera. */
export class Tools {
  #root;
  #store;
  #sheets;
  #network;
  #openCamera;
  #refusePhotographs;
  #file = el('input', { type: 'file', accept: 'image/*', hidden: true });

  /** @param refusePhotographs says why no photograph is taken; null where they are. */
  constructor(root, { store, sheets, network, drawingArea, openCamera, refusePhotographs }) {
    this.#root = root;
    this.#store = store;
    this.#sheets = sheets;
    this.#network = network;
    this.#openCamera = openCamera;
    this.#refusePhotographs = refusePhotographs;
    this.#file.addEventListener('change', () => this.#openFile(this.#file.files));
    document.addEventListener('paste', (event) => {
      if (this.#concernsDrawing(event)) this.#openFile(event.clipboardData.files);
    });
    this.#acceptDrops(drawingArea);
    document.addEventListener('keydown', (event) => {
      if ((event.ctrlKey || event.metaKey) && event.key === 'z' && this.#concernsDrawing(event))
        sheets.undo();
    });
    store.watch(['lang', 'brush'], () => this.#draw());
    store.watch(['sheet'], () => {
      this.#button('undo').disabled = !sheets.canUndo;
    });
  }

  /** Whether a key or a paste concerns the drawing: the playground is shown, and no input has the focus. */
  #concernsDrawing({ target }) {
    const input = target.closest('input:not([type="radio"]), textarea');
    return this.#store.state.route.view === PLAYGROUND && !input;
  }

  #draw() {
    const focused = document.activeElement?.dataset?.tool;
    this.#root.replaceChildren(
      el(
        'div',
        { class: 'row' },
        this.#tool('undo', () => this.#sheets.undo()),
        this.#tool('clear', () => this.#sheets.put(EMPTY)),
        this.#brushes(),
      ),
      el('div', { class: 'row' }, ...this.#sources(), this.#file),
    );
    this.#button('undo').disabled = !this.#sheets.canUndo;
    if (focused) this.#button(focused)?.focus();
  }

  #sources() {
    if (!this.#network.acceptsImages) return [this.#tool('random', () => this.#random())];
    const tools = [
      this.#tool('sample', () => this.#nextSample()),
      this.#tool('picture', () => this.#withPhotograph(() => this.#file.click())),
    ];
    // Browsers grant a page the camera on https and on localhost only.
    if (navigator.mediaDevices?.getUserMedia) {
      tools.push(this.#tool('camera', () => this.#withPhotograph(this.#openCamera)));
    }
    return tools;
  }

  /** Do something with a photograph, or say why not. */
  #withPhotograph(task) {
    (this.#refusePhotographs ?? task)();
  }

  #tool(name, onclick) {
    return el('button', { type: 'button', 'data-tool': name, onclick }, t(`tool.${name}`));
  }

  #button(name) {
    return this.#root.querySelector(`[data-tool="${name}"]`);
  }

  #brushes() {
    const choose = (brush) =>
      el(
        'button',
        {
          type: 'button',
          class: 'brush',
          'data-tool': brush,
          'aria-pressed': String(this.#store.state.brush === brush),
          'aria-label': t(`brush.${brush}`),
          onclick: () => this.#store.set({ brush }),
        },
        el('span', { style: `--dot: ${BRUSHES[brush] / 2}px` }),
      );
    return el(
      'div',
      { class: 'brushes', role: 'group', 'aria-label': t('brush') },
      ...Object.keys(BRUSHES).map(choose),
    );
  }

  #nextSample() {
    const { sheet } = this.#store.state;
    this.#sheets.put({ kind: 'sample', index: sheet.kind === 'sample' ? sheet.index + 1 : 0 });
  }

  #random() {
    this.#sheets.put({ kind: 'random', seed: Math.floor(Math.random() * 1e9) });
  }

  /** Open the first image among files; else the first file, which the service rejects with a reason. */
  #openFile(files) {
    const blob = [...files].find((file) => file.type.startsWith('image/')) ?? files[0];
    if (blob && this.#network.acceptsImages) {
      this.#withPhotograph(() => this.#sheets.put({ kind: 'image', blob }));
    }
    this.#file.value = ''; // Else choosing the same file again would raise no event.
  }

  #acceptDrops(drawingArea) {
    drawingArea.addEventListener('dragover', (event) => {
      event.preventDefault();
      drawingArea.classList.add('over');
    });
    drawingArea.addEventListener('dragleave', () => drawingArea.classList.remove('over'));
    drawingArea.addEventListener('drop', (event) => {
      event.preventDefault();
      drawingArea.classList.remove('over');
      this.#openFile(event.dataTransfer.files);
    });
  }
}
