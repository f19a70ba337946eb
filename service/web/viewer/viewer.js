// The view of any model: a picture, its prediction, the list of layers, and one layer's values.

import { el } from '../lib/dom.js';
import { addTexts } from '../lib/i18n.js';
import { inputOf } from '../models/graph.js';
import { SCALES } from '../models/link.js';
import { AtlasView } from './atlas-view.js';
import en from './i18n/en.js';
import ko from './i18n/ko.js';
import { LayerList } from './layer-list.js';
import { ATLAS_STAGES, layersOf } from './layers.js';
import { OcclusionMap } from './occlusion.js';
import { PictureInput } from './picture-input.js';
import { Predicted } from './predicted.js';
import { ViewerRequests } from './requests.js';

const LINK_DELAY_MS = 120; // Browsers throttle an address that changes often.

/** Return the first state: the layer in the address, else the first one with maps. */
export function stateOf({ manifest, lang }) {
  const link = new URLSearchParams(location.hash.slice(1));
  const layers = layersOf(manifest);
  const first = layers.find(({ shape }) => shape.length === 3) ?? layers[0];
  const layer = layers.find(({ name }) => name === link.get('layer')) ?? first;
  const oneOf = (options, value) => (options.includes(value) ? value : options[0]);
  const page = Number(link.get('page'));
  return {
    lang,
    dark: false,
    route: { view: 'viewer' },
    announcement: '',
    picture: null, // {blob, body: the request's body}
    pictureProblem: null,
    prediction: null,
    predictionProblem: null,
    layer,
    stage: oneOf(ATLAS_STAGES, link.get('stage')),
    scale: oneOf(SCALES, link.get('scale')),
    page: Number.isInteger(page) && page > 0 ? page : 0,
    atlas: null,
    atlasProblem: null,
  };
}

/** Build the view once its texts and its style sheet are loaded. */
export async function openViewer(root, { api, manifest, store }) {
  addTexts({ en, ko });
  await new Promise((resolve) => {
    const href = new URL('viewer.css', import.meta.url).href;
    document.head.append(el('link', { rel: 'stylesheet', href, onload: resolve, onerror: resolve }));
  });
  const [picture, layers, atlas] = ['picture', 'layers', 'atlas'].map((name) =>
    el('section', { id: name, class: 'card', 'aria-labelledby': `${name}-title` }),
  );
  root.append(picture, layers, atlas);
  const view = new AtlasView(atlas, { store });
  new PictureInput(picture, { store, input: inputOf(manifest) });
  new Predicted(picture, { store });
  new OcclusionMap(picture, { api, store });
  new LayerList(layers, {
    store,
    layers: layersOf(manifest),
    open: (layer) => {
      store.set({ layer, page: 0 });
      view.reveal();
    },
  });
  new ViewerRequests({ api, store });
  followLink(store);
}

/** Write the state into the address. */
function followLink(store) {
  let timer;
  store.watch(['layer', 'stage', 'scale', 'page', 'lang'], ({ layer, stage, scale, page, lang }) => {
    clearTimeout(timer);
    const hash = new URLSearchParams({ layer: layer.name, stage, scale, page, lang });
    timer = setTimeout(() => history.replaceState(null, '', `#${hash}`), LINK_DELAY_MS);
  });
}
