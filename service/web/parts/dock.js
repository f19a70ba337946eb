import { theme } from '../lib/dom.js';

/** Return the side of a picture in the docked inspector, CSS pixels at most: the style sheet states it,
 * because it follows the window's height.
 */
export const dockedSide = () => parseFloat(theme('--map-side'));
