// The view that an address shows: `#lab/<exhibit>&n=5`, `#model`, or else the playground and its state.

export const [PLAYGROUND, LAB, MODEL] = ['playground', 'lab', 'model'];
export const VIEWS = [PLAYGROUND, LAB, MODEL];

/** Parse a hash to {view, exhibit, params}; the exhibit is null where the address names none. */
export function routeOf(hash) {
  const [place, ...rest] = hash.replace(/^#/, '').split('&');
  const params = new URLSearchParams(rest.join('&'));
  if (place === MODEL) return { view: MODEL, exhibit: MODEL, params };
  const [view, exhibit = ''] = place.split('/');
  if (view === LAB) return { view: LAB, exhibit: exhibit || null, params };
  return { view: PLAYGROUND, exhibit: null, params: new URLSearchParams() };
}

/** Return the address of an exhibit in a state. */
export function exhibitHash(exhibit, state, lang) {
  const place = exhibit === MODEL ? MODEL : `${LAB}/${exhibit}`;
  return `#${[place, new URLSearchParams({ ...state, lang })].join('&')}`;
}
