// The texts of a training's recipe and settings, for the exhibits about training and about the model.

import { el, number } from '../lib/dom.js';
import { hasText, t } from '../lib/i18n.js';

/** Return the name of a recipe; a recipe that is not this project's is quoted. */
export function recipeName(name) {
  const text = `lab.recipe.${name}`;
  return hasText(text) ? t(text) : t('lab.recipe.other', { name });
}

/** Return the name of a training setting; the words of its key where the page has no text for it. */
export function settingName(key) {
  const text = `lab.setting.${key}`;
  return hasText(text) ? t(text) : key.replaceAll('_', ' ');
}

/** Return the value of a training setting, as a number or as text. */
export function settingValue(key, value) {
  if (key === 'recipe') return recipeName(value);
  if (typeof value !== 'number') return String(value);
  return number(value, Number.isInteger(value) ? value.toLocaleString('en') : String(Number(value.toPrecision(4))));
}

/** Create entries of a description list: each setting's name and value. */
export function settingEntries(settings) {
  return Object.entries(settings)
    .filter(([, value]) => typeof value !== 'object')
    .flatMap(([key, value]) => [
      el('dt', {}, settingName(key)),
      el('dd', { 'data-setting': key }, settingValue(key, value)),
    ]);
}
