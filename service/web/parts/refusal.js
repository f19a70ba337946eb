import { el } from '../lib/dom.js';
import { known, t } from '../lib/i18n.js';

/** What went wrong, in the page's language; the service's own words where there is no text for it. */
export function told({ kind, message }) {
  return known(`problem.${kind}`) ? t(`problem.${kind}`) : message;
}

/** The same as a line that screen readers are told of, where something is missing on the page. */
export function refusal(problem) {
  return el('p', { class: 'warning', role: 'alert' }, told(problem));
}
