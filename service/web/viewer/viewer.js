// The view of any model: the network as a picture with its input and its answer, one layer's values,
// and the arithmetic of one of them.

import { el, loadStyle } from '../lib/dom.js';
import { addTexts } from '../lib/i18n.js';
import { inputOf } from '../models/graph.js';
import { replaceAddress, SCALES } from '../models/route.js';
import { Answer } from './answer.js';
import { AtlasView } from './atlas-view.js';
import { blocksOf } from './blocks.js';
import { CellSum } from './cell-sum.js';
import en from './i18n/en.js';
import ko from './i18n/ko.js';
import { ATLAS_STAGES, layersOf, ORDERS } from './layers.js';
import { NetworkPicture } from './network-picture.js';
import { OcclusionMap } from './occlusion.js';
import { PictureInput } from './picture-input.js';
import { ViewerRequests } from './requests.js';

const LINK_DELAY_MS = 120; // Browsers throttle an address that changes often.

/** Return the first state: the layer in the address, else the one that the first block shows. */
export function stateOf({ manifest, lang }) {
  const link = new URLSearchParams(location.hash.slice(1));
  const blocks = blocksOf(layersOf(manifest));
  const layers = blocks.flatMap((block) => block.layers);
  const linked = layers.find(({ name }) => name === link.get('layer'));
  const block = blocks.find((each) => each.layers.length > 1 && each.layers.includes(linked));
  const oneOf = (options, value) => (options.includes(value) ? value : options[0]);
  const page = Number(link.get('page'));
  return {
    lang,
    dark: false,
    route: { view: 'viewer' },
    announcement: '',
    blocks,
    open: new Set(block && linked !== block.shown ? [block.id] : []), // identifiers of blocks
    picture: null, // {url: of an image, or null, body: the request's body}
    prediction: null,
    predicted: null, // the picture that the prediction is for
    predictionProblem: null, // also that of the picture
    pinned: null, // a label
    layer: linked ?? blocks[0].shown,
    stage: oneOf(ATLAS_STAGES, link.get('stage')),
    scale: oneOf(SCALES, link.get('scale')),
    order: oneOf(ORDERS, link.get('order')),
    page: Number.isInteger(page) && page > 0 ? page : 0,
    atlas: null,
    atlasProblem: null,
    cell: null, // {layer, channel, row, column}
    explanation: null,
    explanationProblem: null,
  };
}

/** Build the view once its texts and its style sheet are loaded. */
export async function openViewer(root, { api, manifest, store }) {
  addTexts({ en, ko });
  await loadStyle(new URL('viewer.css', import.meta.url));
  const section = (name, properties, ...children) =>
    el('section', { 'aria-labelledby': `${name}-title`, ...properties }, ...children);
  const bar = el('div', { class: 'bar' });
  const [picture, answer] = ['picture', 'predicted'].map((name) => section(name, { id: name }));
  const middle = el('div', { class: 'middle' });
  const flow = el('div', { class: 'flow' }, picture, middle, answer);
  const [atlas, sum] = ['atlas', 'sum'].map((name) => section(name, { id: name, class: 'card' }));
  root.append(section('flow', { class: 'card network' }, bar, flow), atlas, sum);
  const view = new AtlasView(atlas, { store });
  const choose = (layer) => {
    store.set({ layer, page: 0, cell: null });
    view.reveal();
  };
  new NetworkPicture({ bar, middle }, { api, store, blocks: store.state.blocks, choose });
  new PictureInput(picture, { api, store, input: inputOf(manifest) });
  new Answer(answer, { store, labels: manifest.labels });
  new OcclusionMap(answer, { api, store });
  new CellSum(sum, { store });
  new ViewerRequests({ api, store });
  followLink(store);
}

/** Write the state into the address. */
function followLink(store) {
  let timer;
  const keys = ['layer', 'stage', 'scale', 'order', 'page', 'lang'];
  store.watch(keys, ({ layer, stage, scale, order, page, lang }) => {
    clearTimeout(timer);
    const hash = new URLSearchParams({ layer: layer.name, stage, scale, order, page, lang });
    timer = setTimeout(() => replaceAddress(`#${hash}`), LINK_DELAY_MS);
  });
}
