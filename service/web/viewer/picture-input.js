import { Problem } from '../lib/api.js';
import { el } from '../lib/dom.js';
import { t } from '../lib/i18n.js';
import { encodeNpy } from '../lib/npy.js';
import { typeOf } from '../models/sheet.js';
import { Camera } from '../parts/camera.js';
import { samplesOf } from './sample.js';

/** The picture as the model takes it: a sample, a photo, or a file that is chosen, dropped or pasted.
 * The service prepares it once; without a preparation the page cuts out its middle.
 */
export class PictureInput {
  #api;
  #store;
  #input;
  #sample;
  #attempt = 0;
  #file = el('input', { type: 'file', accept: 'image/*', hidden: true });
  #image = el('img', { hidden: true });
  #note = el('p', { class: 'soft' });
  #title = el('h3', { id: 'picture-title' });
  #caption = el('p', { class: 'soft caption' });
  #choose = el('button', { type: 'button', class: 'primary', onclick: () => this.#file.click() });
  #photo = el('button', { type: 'button', onclick: () => this.#camera.open() });
  #another = el('button', { type: 'button', onclick: () => this.#openSample() });
  #camera;

  /** @param input the model's, with its height, width and channels. */
  constructor(root, { api, store, input }) {
    this.#api = api;
    this.#store = store;
    this.#input = input;
    this.#sample = samplesOf(input);
    this.#camera = new Camera({ sheets: { put: ({ blob }) => this.#open(blob) }, how: 'viewer.camera.how' });
    const frame = el('div', { class: 'frame' }, this.#image, this.#note);
    const buttons = el('div', { class: 'buttons' }, this.#choose, this.#photo, this.#another);
    root.append(this.#title, frame, this.#caption, this.#file, buttons);
    this.#choose.hidden = this.#photo.hidden = !this.#acceptsPictures;
    this.#image.classList.toggle('pixels', Math.max(input.width, input.height) < 100);
    this.#image.classList.toggle('strokes', input.preparation?.name === 'digit');
    this.#file.addEventListener('change', () => this.#openFiles(this.#file.files));
    document.addEventListener('paste', ({ clipboardData }) => this.#openFiles(clipboardData.files));
    document.addEventListener('dragover', (event) => {
      event.preventDefault();
      frame.classList.add('over');
    });
    document.addEventListener('dragleave', () => frame.classList.remove('over'));
    document.addEventListener('drop', (event) => {
      event.preventDefault();
      frame.classList.remove('over');
      this.#openFiles(event.dataTransfer.files);
    });
    store.watch(['lang', 'picture'], ({ picture }) => this.#draw(picture));
    this.#openSample();
  }

  #draw(picture) {
    const shape = this.#input.shape.join(' × ');
    this.#title.textContent = t('viewer.picture');
    this.#choose.textContent = t('viewer.choose');
    this.#photo.textContent = t('tool.camera');
    this.#another.textContent = t('viewer.sample');
    this.#caption.textContent = t('viewer.seen', { shape });
    this.#image.alt = t('viewer.chosen');
    if (!this.#acceptsPictures) this.#note.textContent = t('viewer.arrays', { shape });
    else this.#note.textContent = t('viewer.invite');
    this.#image.hidden = !picture?.url;
    this.#note.hidden = Boolean(picture?.url);
    if (picture?.url) this.#image.src = picture.url;
  }

  get #acceptsPictures() {
    return Boolean(this.#input.preparation) || [1, 3].includes(this.#input.channels);
  }

  #openFiles(files) {
    const blob = [...files].find(({ type }) => type.startsWith('image/')) ?? files[0];
    this.#file.value = ''; // Else choosing the same file again would raise no event.
    if (blob && this.#acceptsPictures) this.#open(blob);
  }

  #open(blob) {
    return this.#put(async () =>
      this.#input.preparation ? this.#prepare(blob) : pixelsOf(blob, this.#input),
    );
  }

  #openSample() {
    return this.#put(async () => {
      const { blob, body } = await this.#sample();
      if (body) return { url: null, body };
      return this.#input.preparation ? this.#prepare(blob) : pixelsOf(blob, this.#input);
    });
  }

  /** Show what `load` returns, unless another picture has been opened meanwhile. */
  async #put(load) {
    const attempt = ++this.#attempt;
    const before = this.#store.state.picture?.url;
    const result = await load().then(
      (picture) => ({ picture }),
      (predictionProblem) => ({ picture: null, prediction: null, predictionProblem }),
    );
    if (attempt !== this.#attempt) return URL.revokeObjectURL(result.picture?.url);
    this.#store.set(result);
    return before && URL.revokeObjectURL(before);
  }

  /** Return the model's input that the service makes of a file. */
  async #prepare(blob) {
    const stage = this.#input.preparation.name === 'digit' ? 'digit' : 'resized';
    const png = await this.#api.prepared({ type: typeOf(blob), content: blob }, stage);
    return { url: URL.createObjectURL(png), body: { type: 'image/png', content: png, preprocess: 'none' } };
  }
}

/** Return a picture's middle, scaled to the model's input, and an array of its pixels. */
async function pixelsOf(blob, { height, width, channels, colour }) {
  const bitmap = await createImageBitmap(blob).catch(() => {
    throw new Problem({ type: 'unsupported-format' });
  });
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext('2d');
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
  const body = { type: 'application/x-npy', content: encodeNpy(pixels, [height, width, channels]) };
  return { url: URL.createObjectURL(await canvas.convertToBlob()), body };
}
