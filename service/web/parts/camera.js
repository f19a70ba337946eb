import { el } from '../lib/dom.js';
import { t } from '../lib/i18n.js';
import { Dialog } from './dialog.js';

/** Takes one photo with the camera; the camera is off as soon as the dialog is closed. */
export class Camera {
  #sheets;
  #how;
  #dialog = new Dialog('camera');
  #video = el('video', { playsinline: true, muted: true });
  #stream = null;

  /** @param how the key of the text that says what to photograph. */
  constructor({ sheets, how = 'camera.how' }) {
    this.#sheets = sheets;
    this.#how = how;
    this.#dialog.node.addEventListener('close', () => this.#stop());
  }

  async open() {
    const shutter = el(
      'button',
      { type: 'button', class: 'wide primary', onclick: () => this.#takePhoto() },
      t('camera.shoot'),
    );
    this.#dialog.body.replaceChildren(el('p', { class: 'soft' }, t(this.#how)), this.#video, shutter);
    this.#dialog.open(t('tool.camera'));
    try {
      this.#stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: 'environment' } });
      if (!this.#dialog.node.open) return this.#stop();
      this.#video.srcObject = this.#stream;
      await this.#video.play();
    } catch {
      this.#dialog.body.replaceChildren(el('p', {}, t('camera.refused')));
    }
    return undefined;
  }

  #takePhoto() {
    const side = Math.min(this.#video.videoWidth, this.#video.videoHeight);
    if (!side) return;
    const canvas = el('canvas', { width: side, height: side });
    const [x, y] = [(this.#video.videoWidth - side) / 2, (this.#video.videoHeight - side) / 2];
    canvas.getContext('2d').drawImage(this.#video, x, y, side, side, 0, 0, side, side);
    canvas.toBlob((blob) => this.#sheets.put({ kind: 'image', blob }), 'image/jpeg', 0.92);
    this.#dialog.close();
  }

  #stop() {
    for (const track of this.#stream?.getTracks() ?? []) track.stop();
    this.#stream = null;
  }
}
