import { el } from '../lib/dom.js';
import { t } from '../lib/i18n.js';

const SHOWN = 20_000; // characters of a text

/** Send a request and return the elements that show its response. */
export async function answerTo({ method, url, headers, body }) {
  const start = performance.now();
  const response = await fetch(url, { method, headers, body: body && (body.text ?? body.file) });
  const blob = await response.blob();
  const type = (response.headers.get('Content-Type') ?? '').split(';')[0];
  const summary = t('docs.answered', {
    status: `${response.status} ${response.statusText}`.trim(),
    type,
    time: Math.round(performance.now() - start),
    size: blob.size.toLocaleString('en'),
  });
  const head = el('p', { class: response.ok ? 'status' : 'status failed' }, summary);
  return [head, ...(await content(blob, type))];
}

async function content(blob, type) {
  if (!blob.size) return [];
  const href = URL.createObjectURL(blob);
  const save = el('a', { href, download: 'response' }, t('docs.save'));
  if (type.startsWith('image/')) {
    return [el('img', { src: href, alt: t('docs.image'), class: 'picture' }), save];
  }
  if (!/json|text/.test(type)) return [save];
  const text = pretty(await blob.text(), type);
  const isLong = text.length > SHOWN;
  const counts = { shown: SHOWN.toLocaleString('en'), all: text.length.toLocaleString('en') };
  return [
    el('pre', { tabindex: 0, 'aria-label': t('docs.answer'), role: 'region' }, text.slice(0, SHOWN)),
    ...(isLong ? [el('p', { class: 'soft' }, t('docs.shortened', counts)), save] : []),
  ];
}

function pretty(text, type) {
  if (!type.includes('json')) return text;
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}
