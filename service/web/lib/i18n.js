// The page's texts. Only the language that is shown is loaded.

const LOADERS = { en: () => import('../i18n/en.js'), ko: () => import('../i18n/ko.js') };
const TEXTS = { en: {}, ko: {} };
export const LANGUAGES = Object.keys(LOADERS);

let language = 'en';

/** Return the first of the browser's languages that the page has. */
export function preferred(languages) {
  const codes = languages.map((tag) => tag.slice(0, 2).toLowerCase());
  return codes.find((code) => code in TEXTS) ?? 'en';
}

/** Load the texts of a language; with an unknown code, English. */
export async function loadLanguage(code) {
  const known = code in LOADERS ? code : 'en';
  const { default: texts } = await LOADERS[known]();
  addTexts({ [known]: texts });
}

/** Show a language whose texts are loaded. */
export function setLanguage(code) {
  language = code in TEXTS ? code : 'en';
}

/** Add the texts of a part that is loaded later. */
export function addTexts(texts) {
  for (const code of Object.keys(texts)) Object.assign(TEXTS[code], texts[code]);
}

/** Return the text of a key with each `{name}` replaced by its value. */
export function t(key, values = {}) {
  const text = TEXTS[language][key];
  if (text === undefined) throw new RangeError(`No text "${key}" in language "${language}".`);
  return text.replace(/\{(\w+)\}/g, (_, name) => values[name]);
}

/** Whether a key has a text. */
export const hasText = (key) => key in TEXTS[language];

/** Fill in the texts that the page's markup names. */
export function translate(root = document) {
  document.documentElement.lang = language;
  for (const node of root.querySelectorAll('[data-t]')) node.textContent = t(node.dataset.t);
  for (const node of root.querySelectorAll('[data-t-label]')) {
    node.setAttribute('aria-label', t(node.dataset.tLabel));
  }
}
