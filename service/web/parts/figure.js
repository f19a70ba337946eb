import { number } from '../lib/dom.js';
import { exact, short } from '../lib/numbers.js';

let isExact = false;

/** Show exact values from now on, or four significant digits. */
export function showExact(value) {
  isExact = value;
}

/** Format a value as the inspector shows it: exactly, or with four significant digits. */
export const format = (value) => (isExact ? exact(value) : short(value));

/** Create a number in that form; its exact value is on hover. */
export const figure = (value, properties = {}) => number(value, format(value), { title: exact(value), ...properties });
