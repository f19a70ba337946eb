// The composition root: it loads the network from GET /model, reads the state from the link, and
// builds the parts.

import { Api } from './lib/api.js';
import { setDark } from './lib/colours.js';
import { clearThemeCache, el } from './lib/dom.js';
import { LANGUAGES, loadLanguage, preferred, setLanguage, t, translate } from './lib/i18n.js';
import { Requests } from './models/requests.js';
import { isPlayground } from './models/graph.js';
import { Network } from './models/network.js';
import { LAB, LOADED, MODEL, PLAYGROUND, replaceAddress, routeOf } from './models/route.js';
import { EMPTY, isEmpty, Samples, Sheets } from './models/sheet.js';
import { Store } from './models/store.js';
import { Trail } from './models/trail.js';
import { Prediction } from './parts/prediction.js';
import { Columns } from './parts/columns.js';
import { Menu } from './parts/menu.js';
import { DrawingArea } from './parts/drawing-area.js';
import { problemText } from './parts/problem.js';
import { Tools } from './parts/tools.js';
import { View } from './parts/view.js';
import { Views } from './parts/views.js';

const DEFAULTS = {
  sheet: EMPTY,
  digit: null,
  values: null,
  isOld: false, // whether digit and values are those of an earlier sheet
  isFamiliar: null, // whether the service finds the digit like its training data
  segments: null, // the digits of a sheet that has several (models/segments.js)
  segment: null, // the index of the one that the page shows
  isGrid: false, // whether the sheet is searched for a grid
  hasNoGrid: false, // whether it has none
  problem: null, // of the request for the values
  removed: null, // what preprocessing removed: {names, image: the body that it was removed from}
  baseline: null, // the values without changes, where there are any
  changes: [], // to the network and the digit, by "what if" (compute/edits.js)
  cell: null, // the one that is explained
  isChosen: false, // whether the user has selected it; else it is the answer's class
  path: [], // the cells below it that contribute most
  pointed: null, // the tile {layer, channel} under the pointer
  opened: null, // the tile that stays open beside the column
  hover: null, // the cell under the pointer
  explanation: null,
  explanationProblem: null,
  term: null,
  allTerms: false,
  trail: [],
  tab: 'sum', // what the inspector shows
  isExact: false, // whether the inspector shows exact values
  stage: 'post',
  scale: 'layer',
  weights: null,
  occlusion: null,
  occlusionProblem: null,
  brush: 'normal',
  lang: 'en',
  dark: false,
  announcement: '', // for screen readers
  route: null, // the view, and in the lab the exhibit
};

const IDLE_MS = 1000; // at the latest
const LINK_DELAY_MS = 120; // Browsers throttle an address that changes with every pixel of a stroke.

const $ = (id) => document.getElementById(id);

async function start() {
  const query = new URLSearchParams(location.search);
  const embedded = query.get('embed') === '1';
  document.body.classList.toggle('embedded', embedded);
  const lang = firstLanguage();
  await loadLanguage(lang);
  setLanguage(lang);
  translate();
  const api = await openApi(query);
  const manifest = await api.manifest();
  if (!isPlayground(manifest)) return view({ api, manifest, lang });
  const network = new Network(manifest);
  const store = new Store({ ...DEFAULTS, ...(await firstState(network)), lang });
  store.set({ route: routeOf(location.hash) });
  followLanguage(store);
  followScheme(store);
  return build({ api, manifest, network, store, embedded });
}

/** Return the client of the service; on a site without the service, that of its files. */
async function openApi(query) {
  const files = document.querySelector('meta[name="convscope-files"]')?.content;
  if (!files) return new Api(query.get('model'), query.get('version'));
  const { StaticApi } = await import('./lib/static-api.js');
  return new StaticApi(JSON.parse(files));
}

/** Return the state of the link; a page that is opened without one shows a sample. */
async function firstState(network) {
  if (location.hash.length > 1) {
    const { fromHash } = await import('./models/link.js');
    return fromHash(location.hash, network);
  }
  const sheet = network.acceptsImages ? { kind: 'sample', index: 0 } : { kind: 'random', seed: 7 };
  return { sheet };
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
  new Menu($('menu'), { api: context.api, store, network: context.manifest }).listModels();
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
  const follow = () => {
    clearThemeCache();
    setDark(dark.matches);
    store.set({ dark: dark.matches });
  };
  dark.addEventListener('change', follow);
  addEventListener('resize', clearThemeCache); // Sizes of the theme follow the window.
  follow();
}

/** Build what the first picture needs; what explains it is loaded when the page is idle. */
function build({ api, manifest, network, store, embedded }) {
  const samples = new Samples(new URL('.', import.meta.url).href);
  const sheets = new Sheets(store);
  const trail = new Trail(store, network);
  const requests = new Requests({ api, network, samples, store, isFirst: true });
  const drawingArea = $('paper');
  const columns = new Columns($('columns'), { store, network, trail });
  const context = { api, manifest, network, samples, store, sheets, trail, requests, columns, embedded };
  let explanations = null;
  const load = () => {
    explanations ??= import('./explanations.js').then(({ build: explain }) => explain(context));
    explanations.catch(() => {
      explanations = null;
    });
    return explanations;
  };
  const use = (name) => () => load().then((built) => built[name]()).catch(fail);
  new DrawingArea(drawingArea, { store, sheets, samples, takesPhotographs: !api.isStatic });
  const refusePhotographs = api.isStatic ? use('refusePhotographs') : null;
  const openCamera = use('openCamera');
  new Tools($('tools'), { store, sheets, network, drawingArea, openCamera, refusePhotographs });
  const openClass = (channel) => {
    trail.go({ layer: network.last.name, channel });
    $('inspector-title')?.focus();
  };
  new Prediction($('answer'), { store, openClass });
  new View($('view'), { store });
  new Views($('views'), { store });
  followRoute(context);
  followLink(store, network);
  const menu = new Menu($('menu'), { api, store, network, startTour: use('startTour'), share: use('share') });
  followAnnouncements(store);
  if (api.isStatic) load().catch(fail); // There is no answer without it.
  let isStarted = false;
  store.watch(['values', 'problem', 'sheet'], ({ values, problem, sheet }) => {
    if (isStarted || !(values || problem || isEmpty(sheet))) return;
    isStarted = true;
    whenIdle(() => {
      load().catch(fail);
      menu.listModels();
    });
  });
}

/** Run a task once the page has nothing else to do. */
function whenIdle(task) {
  const wait = window.requestIdleCallback ?? ((run) => setTimeout(run, IDLE_MS));
  wait(task, { timeout: IDLE_MS });
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
  const write = async () => {
    const { toHash } = await import('./models/link.js');
    if (store.state.route.view === PLAYGROUND) replaceAddress(`#${toHash(store.state)}`);
  };
  store.watch(['sheet', 'digit', 'cell', 'changes', 'lang', 'stage', 'scale'], () => {
    clearTimeout(timer);
    timer = setTimeout(write, LINK_DELAY_MS);
  });
  addEventListener('hashchange', async ({ newURL }) => {
    clearTimeout(timer);
    // `location` may already contain a later address, which `write` has replaced this one by.
    const { hash } = new URL(newURL);
    const route = routeOf(hash);
    store.set({ route });
    const { fromHash } = await import('./models/link.js');
    const linked = fromHash(hash, network);
    const lang = LANGUAGES.includes(linked.lang) ? linked.lang : store.state.lang;
    await loadLanguage(lang);
    store.set({ lang });
    if (route.view !== PLAYGROUND) return;
    store.set({ stage: 'post', scale: 'layer', changes: [], ...linked, lang, trail: [], term: null });
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
