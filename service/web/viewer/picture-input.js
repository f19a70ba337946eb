import { el } from '../lib/dom.js';
import { t } from '../lib/i18n.js';
import { encodeNpy } from '../lib/npy.js';
import { Problem } from '../lib/api.js';
import { typeOf } from '../models/sheet.js';

/** The picture: chosen, dropped or pasted. A model without a preparation gets an array of its pixels. */
export class PictureInput {
  #store;
  #input;
  #url = null;
  #file = el('input', { type: 'file', accept: 'image/*', hidden: true });
  #image = el('img', { hidden: true });
  #note = el('p', { class: 'soft' });
  #title = el('h2', { id: 'picture-title' });
  #button = el('button', { type: 'button', class: 'primary wide', onclick: () => this.#file.click() });

  /** @param input the model's, with its height, width and channels. */
  constructor(root, { store, input }) {
    this.#store = store;
    this.#input = input;
    const frame = el('div', { class: 'frame' }, this.#image, this.#note);
    root.append(this.#title, frame, this.#file, this.#button);
    this.#image.addEventListener('error', () => this.#show(false));
    this.#image.addEventListener('load', () => this.#show(true));
    this.#file.addEventListener('change', () => this.#open(this.#file.files));
    document.addEventListener('paste', ({ clipboardData }) => this.#open(clipboardData.files));
    document.addEventListener('dragover', (event) => {
      event.preventDefault();
      frame.classList.add('over');
    });
    document.addEventListener('dragleave', () => frame.classList.remove('over'));
    document.addEventListener('drop', (event) => {
      event.preventDefault();
      frame.classList.remove('over');
      this.#open(event.dataTransfer.files);
    });
    store.watch(['lang'], () => this.#translate());
  }

  #translate() {
    this.#title.textContent = t('viewer.picture');
    this.#button.textContent = t('viewer.choose');
    this.#image.alt = t('viewer.chosen');
    const { shape } = this.#input;
    if (!this.#acceptsPictures) this.#note.textContent = t('viewer.arrays', { shape: shape.join(' × ') });
    else this.#note.textContent = t(this.#url ? 'viewer.no-preview' : 'viewer.invite');
    this.#button.disabled = !this.#acceptsPictures;
  }

  get #acceptsPictures() {
    return Boolean(this.#input.preparation) || [1, 3].includes(this.#input.channels);
  }

  #show(isVisible) {
    this.#image.hidden = !isVisible;
    this.#note.hidden = isVisible;
    this.#translate();
  }

  async #open(files) {
    const blob = [...files].find(({ type }) => type.startsWith('image/')) ?? files[0];
    this.#file.value = ''; // Else choosing the same file again would raise no event.
    if (!blob || !this.#acceptsPictures) return;
    if (this.#url) URL.revokeObjectURL(this.#url);
    this.#url = URL.createObjectURL(blob);
    this.#image.src = this.#url;
    try {
      const body = this.#input.preparation
        ? { type: typeOf(blob), content: blob }
        : await arrayOf(blob, this.#input);
      this.#store.set({ picture: { blob, body }, page: 0 });
    } catch (predictionProblem) {
      this.#store.set({ picture: null, prediction: null, predictionProblem });
    }
  }
}

/** Return a picture's middle, scaled to the model's input, as the body of a request with an array. */
async function arrayOf(blob, { height, width, channels, colour }) {
  const bitmap = await createImageBitmap(blob).catch(() => {
    throw new Problem({ type: 'unsupported-format' });
  });
  const context = new OffscreenCanvas(width, height).getContext('2d');
  context.fillStyle = '#fff'; // below transparent pixels
  context.fillRect(0, 0, width, height);
  const scale = Math.max(width / bitmap.width, height / bitmap.height);
  const [w, h] = [bitmap.width * scale, bitmap.height * scale];
  context.imageSmoothingQuality = 'high';
  context.drawImage(bitmap, (width - w) / 2, (height - h) / 2, w, h);
  const { data } = context.getImageData(0, 0, width, height); // RGBA
  const pixels = new Uint8Array(height * width * channels);
  for (let i = 0; i < height * width; i++) {
    const rgb = data.subarray(4 * i, 4 * i + 3);
    if (channels === 1) pixels[i] = Math.round(0.299 * rgb[0] + 0.587 * rgb[1] + 0.114 * rgb[2]);
    else pixels.set(colour === 'bgr' ? rgb.toReversed() : rgb, 3 * i);
  }
  return { type: 'application/x-npy', content: encodeNpy(pixels, [height, width, channels]) };
}
