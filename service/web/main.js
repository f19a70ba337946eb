// The composition root: it loads the network from GET /model, reads the state from the link, and
// builds the parts.

import { Local } from './compute/local.js';
import { Api } from './lib/api.js';
import { clearThemeCache, el } from './lib/dom.js';
import { LANGUAGES, preferred, setLanguage, t, translate } from './lib/i18n.js';
import { Requests } from './models/requests.js';
import { isPlayground } from './models/graph.js';
import { fromHash, toHash } from './models/link.js';
import { Network } from './models/network.js';
import { LAB, LOADED, MODEL, PLAYGROUND, routeOf } from './models/route.js';
import { Samples } from './models/samples.js';
import { EMPTY, Sheets } from './models/sheet.js';
import { Store } from './models/store.js';
import { Trail } from './models/trail.js';
import { Prediction } from './parts/prediction.js';
import { Camera } from './parts/camera.js';
import { Columns } from './parts/columns.js';
import { Digit } from './parts/digit.js';
import { OcclusionMap } from './parts/occlusion-map.js';
import { Patches } from './parts/patches.js';
import { Inspector } from './parts/inspector.js';
import { Menu } from './parts/menu.js';
import { DrawingArea } from './parts/drawing-area.js';
import { problemText } from './parts/problem.js';
import { Removed } from './parts/removed.js';
import { Share } from './parts/share.js';
import { SpaceButton } from './parts/space-button.js';
import { Tools } from './parts/tools.js';
import { Tour } from './parts/tour.js';
import { View } from './parts/view.js';
import { Views } from './parts/views.js';

const DEFAULTS = {
  sheet: EMPTY,
  digit: null,
  values: null,
  isOld: false, // whether digit and values are those of an earlier sheet
  isFamiliar: null, // whether the service finds the digit like its training data
  problem: null, // of the request for the values
  removed: null, // what preprocessing removed: {names, image: the body that it was removed from}
  cell: null,
  hover: null,
  explanation: null,
  explanationProblem: null,
  term: null,
  allTerms: false,
  trail: [],
  stage: 'post',
  scale: 'layer',
  weights: null,
  showsOcclusion: false,
  occlusion: null,
  occlusionProblem: null,
  brush: 'normal',
  lang: 'en',
  dark: false,
  announcement: '', // for screen readers
  route: null, // the view, and in the lab the exhibit
};

const LINK_DELAY_MS = 120; // Browsers throttle an address that changes with every pixel of a stroke.

const $ = (id) => document.getElementById(id);

async function start() {
  const query = new URLSearchParams(location.search);
  const embedded = query.get('embed') === '1';
  document.body.classList.toggle('embedded', embedded);
  const lang = firstLanguage();
  setLanguage(lang);
  translate();
  const api = new Api(query.get('model'), query.get('version'));
  const [manifest, { models }] = await Promise.all([api.manifest(), api.models()]);
  if (!isPlayground(manifest)) return view({ api, manifest, models, lang });
  const network = new Network(manifest);
  const store = new Store({ ...DEFAULTS, ...fromHash(location.hash, network), lang });
  store.set({ route: routeOf(location.hash) });
  followLanguage(store);
  followScheme(store);
  build({ api, manifest, network, store, models, embedded });
  followLink(store, network);
  return undefined;
}

/** Show a model that the playground does not explain: its layers, and their values for a picture. */
async function view(context) {
  $('playground').hidden = true;
  $('views').hidden = true;
  $('viewer').hidden = false;
  document.querySelector('.tagline').dataset.t = 'tagline.viewer';
  const { openViewer, stateOf } = await import('./viewer/viewer.js');
  const store = new Store(stateOf(context));
  followLanguage(store);
  followScheme(store);
  await openViewer($('viewer'), { ...context, store });
  new Menu($('menu'), { store, network: context.manifest, models: context.models });
  followAnnouncements(store);
}

/** Return the language of the link, else the browser's. */
function firstLanguage() {
  const lang = new URLSearchParams(location.hash.slice(1)).get('lang');
  return LANGUAGES.includes(lang) ? lang : preferred(navigator.languages);
}

/** Set the language on each change; this listener runs before those of the parts, which draw texts. */
function followLanguage(store) {
  store.watch(['lang'], ({ lang }) => {
    setLanguage(lang);
    translate();
  });
}

/** Redraw on a change between light and dark, because canvases contain colours of the theme. */
function followScheme(store) {
  const dark = matchMedia('(prefers-color-scheme: dark)');
  dark.addEventListener('change', () => {
    clearThemeCache();
    store.set({ dark: dark.matches });
  });
  store.set({ dark: dark.matches });
}

function build({ api, manifest, network, store, models, embedded }) {
  const samples = new Samples(new URL('.', import.meta.url).href);
  const sheets = new Sheets(store);
  const trail = new Trail(store);
  const camera = new Camera({ sheets });
  const openClass = (channel) => {
    trail.go({ layer: network.last.name, channel });
    $('inspector-title').focus();
  };
  const local = new Local({ api, network });
  if (local.isPossible) local.loadWhenIdle();
  new Requests({ api, network, samples, store, local });
  new DrawingArea($('paper'), { store, sheets, samples });
  new Tools($('tools'), { store, sheets, network, drawingArea: $('paper'), openCamera: () => camera.open() });
  new Digit($('digit'), { store, network });
  new Prediction($('answer'), { store, openClass });
  new Removed($('removed'), { api, store });
  new OcclusionMap($('evidence'), { store });
  new View($('view'), { store });
  new Columns($('columns'), { api, store, network, trail });
  new SpaceButton($('space'), { api, store, network, select: (cell) => trail.go(cell) });
  new Inspector($('inspector'), { store, network, trail });
  new Patches($('inspector'), { api, store });
  const tour = new Tour($('offer'), { store, network, trail, sheets, embedded });
  const share = new Share({ api, store, columns: $('columns') });
  new Views($('views'), { store });
  followRoute({ api, manifest, network, samples, store });
  new Menu($('menu'), { store, network, models, startTour: tour.start, share: () => share.open() });
  followAnnouncements(store);
}

/** Pass announcements to screen readers. */
function followAnnouncements(store) {
  store.watch(['announcement'], ({ announcement }) => {
    $('announcer').textContent = announcement;
  });
}

/** Show one view at a time; those in LOADED are loaded when they are first opened. */
function followRoute(context) {
  const opened = {};
  const attempts = {};
  let shown = null;
  context.store.watch(['route'], async ({ route }) => {
    const name = route.view === MODEL ? LAB : route.view;
    for (const view of [PLAYGROUND, ...Object.keys(LOADED)]) $(view).hidden = view !== name;
    if (shown !== name) opened[shown]?.then((view) => view.leave()).catch(() => {});
    shown = name;
    if (name === PLAYGROUND) return;
    // A browser does not import an address again that has failed, so another attempt needs another one.
    const again = attempts[name] ? `?${attempts[name]}` : '';
    opened[name] ??= LOADED[name](again).then(({ open }) => open($(name), context));
    const current = opened[name];
    try {
      const view = await current;
      clearFailure();
      if (shown === name) await view.show();
    } catch (error) {
      if (opened[name] === current) [opened[name], attempts[name]] = [null, (attempts[name] ?? 0) + 1];
      fail(error);
    }
  });
}

/** Keep the page where a file is dropped beside the places that accept one. */
function ignoreStrayDrops() {
  for (const type of ['dragover', 'drop']) addEventListener(type, (event) => event.preventDefault());
}

/** Write the state into the address, and an address that changes into the state. */
function followLink(store, network) {
  let timer;
  const write = () => {
    if (store.state.route.view === PLAYGROUND) history.replaceState(null, '', `#${toHash(store.state)}`);
  };
  store.watch(['sheet', 'digit', 'cell', 'lang', 'stage', 'scale'], () => {
    clearTimeout(timer);
    timer = setTimeout(write, LINK_DELAY_MS);
  });
  addEventListener('hashchange', ({ newURL }) => {
    // `location` may already contain a later address, which `write` has replaced this one by.
    const { hash } = new URL(newURL);
    const route = routeOf(hash);
    const linked = fromHash(hash, network);
    const lang = LANGUAGES.includes(linked.lang) ? linked.lang : store.state.lang;
    store.set({ route, lang });
    if (route.view !== PLAYGROUND) return;
    store.set({ stage: 'post', scale: 'layer', ...linked, lang, trail: [], term: null });
  });
}

/** Say at the top of the view what has failed; a failure before is replaced. */
function fail(error) {
  clearFailure();
  const text = `${t('failed')} ${problemText(error)}`;
  const note = el('p', { class: 'card warning failure', role: 'alert' }, text);
  document.querySelector('main:not([hidden])').prepend(note);
}

function clearFailure() {
  document.querySelector('.failure')?.remove();
}

ignoreStrayDrops();
start().catch(fail);
