import { el } from '../lib/dom.js';
import { hasText, t } from '../lib/i18n.js';

/** Return what went wrong in the page's language; the error's own message where there is no text for it. */
export function problemText({ kind, message }) {
  return hasText(`problem.${kind}`) ? t(`problem.${kind}`) : message;
}

/** Create a line with a problem, which screen readers announce. */
export function problemNote(problem) {
  return el('p', { class: 'warning', role: 'alert' }, problemText(problem));
}
