// The view that an address shows: `#lab/<exhibit>&n=5`, `#map&…`, `#model`, or else the playground and
// its state.

export const [PLAYGROUND, LAB, MODEL] = ['playground', 'lab', 'model'];
// The views that are loaded when they are first opened, each by `open(root, context)`, which returns a
// view with `show()` for each visit and `leave()`. The page about the model is the last part of the lab.
export const LOADED = {
  [LAB]: (again) => import(`../lab/lab.js${again}`),
  compare: (again) => import(`../compare/compare.js${again}`),
  map: (again) => import(`../map/map.js${again}`),
  learning: (again) => import(`../learning/learning.js${again}`),
};
export const VIEWS = [PLAYGROUND, ...Object.keys(LOADED), MODEL];

// What the playground's columns show: values after or before the activation, or kernels; with one scale
// of colours for each layer, or for each map.
export const STAGES = ['post', 'pre', 'weights'];
export const SCALES = ['layer', 'map'];

/** Parse a hash to {view, exhibit, params}; only the lab has exhibits, null for its first one. */
export function routeOf(hash) {
  const [place, ...rest] = hash.replace(/^#/, '').split('&');
  const params = new URLSearchParams(rest.join('&'));
  if (place === MODEL) return { view: MODEL, exhibit: MODEL, params };
  const [view, exhibit = ''] = place.split('/');
  if (view === LAB) return { view: LAB, exhibit: exhibit || null, params };
  if (Object.hasOwn(LOADED, view)) return { view, exhibit: null, params };
  return { view: PLAYGROUND, exhibit: null, params: new URLSearchParams() };
}

/** Return the address of an exhibit in a state. */
export function exhibitHash(exhibit, state, lang) {
  const place = exhibit === MODEL ? MODEL : `${LAB}/${exhibit}`;
  return `#${[place, new URLSearchParams({ ...state, lang })].join('&')}`;
}

/** Write a state into the address, unless the address is already another view's, which the page is about
 * to show.
 */
export function replaceAddress(hash) {
  const [now, next] = [routeOf(location.hash), routeOf(hash)];
  if (now.view !== next.view || (now.exhibit && now.exhibit !== next.exhibit)) return;
  history.replaceState(null, '', hash);
}
