import { el } from '../lib/dom.js';
import { t } from '../lib/i18n.js';

/** A modal dialog with a title; Esc or its button closes it, and the focus returns to where it was. */
export class Dialog {
  constructor(name) {
    this.title = el('h2', { id: `${name}-title` });
    this.body = el('div', { class: 'body' });
    this.closer = el('button', { type: 'button', class: 'quiet', onclick: () => this.close() });
    this.node = el(
      'dialog',
      { id: name, 'aria-labelledby': `${name}-title` },
      el('div', { class: 'bar' }, this.title, this.closer),
      this.body,
    );
    document.body.append(this.node);
  }

  open(title) {
    this.title.textContent = title;
    this.closer.textContent = t('close');
    if (!this.node.open) this.node.showModal();
  }

  close() {
    this.node.close();
  }
}
