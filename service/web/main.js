// The composition root: the network from GET /model, the state from the link, then the parts.

import { Api } from './lib/api.js';
import { el, forgetTheme } from './lib/dom.js';
import { LANGUAGES, preferred, setLanguage, t, translate } from './lib/i18n.js';
import { Answers } from './models/answers.js';
import { fromHash, toHash } from './models/link.js';
import { Network } from './models/network.js';
import { PLAYGROUND, routeOf } from './models/route.js';
import { Samples } from './models/samples.js';
import { EMPTY, Sheets } from './models/sheet.js';
import { Store } from './models/store.js';
import { Trail } from './models/trail.js';
import { Answer } from './parts/answer.js';
import { Camera } from './parts/camera.js';
import { Columns } from './parts/columns.js';
import { Digit } from './parts/digit.js';
import { Evidence } from './parts/evidence.js';
import { Patches } from './parts/patches.js';
import { Inspector } from './parts/inspector.js';
import { Menu } from './parts/menu.js';
import { Paper } from './parts/paper.js';
import { told } from './parts/refusal.js';
import { Share } from './parts/share.js';
import { Tools } from './parts/tools.js';
import { Tour } from './parts/tour.js';
import { View } from './parts/view.js';
import { Views } from './parts/views.js';

const DEFAULTS = {
  sheet: EMPTY,
  digit: null,
  values: null,
  problem: null, // what is asked, and what came of it
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
  evidence: false,
  occlusion: null,
  occlusionProblem: null,
  brush: 'normal',
  lang: 'en',
  dark: false,
  said: '',
  route: null, // the view, and in the lab what it shows
};

const LINK_REST_MS = 120; // browsers refuse an address that changes with every pixel of a stroke

const $ = (id) => document.getElementById(id);

async function start() {
  const query = new URLSearchParams(location.search);
  const embedded = query.get('embed') === '1';
  document.body.classList.toggle('embedded', embedded);
  const lang = firstLanguage();
  setLanguage(lang);
  translate();
  const api = new Api(query.get('model'));
  const [manifest, { models }] = await Promise.all([api.manifest(), api.models()]);
  const network = new Network(manifest);
  const store = new Store({ ...DEFAULTS, ...fromHash(location.hash, network), lang });
  store.set({ route: routeOf(location.hash) });
  followLanguage(store);
  followScheme(store);
  build({ api, manifest, network, store, models, embedded });
  followLink(store, network);
}

/** The link's, else the browser's. */
function firstLanguage() {
  const asked = new URLSearchParams(location.hash.slice(1)).get('lang');
  return LANGUAGES.includes(asked) ? asked : preferred(navigator.languages);
}

/** Before the parts are built: whoever draws texts later finds the language set. */
function followLanguage(store) {
  store.watch(['lang'], ({ lang }) => {
    setLanguage(lang);
    translate();
  });
}

/** What is drawn has its colours in it, and is drawn anew. */
function followScheme(store) {
  const dark = matchMedia('(prefers-color-scheme: dark)');
  dark.addEventListener('change', () => {
    forgetTheme();
    store.set({ dark: dark.matches });
  });
  store.set({ dark: dark.matches });
}

function build({ api, manifest, network, store, models, embedded }) {
  const samples = new Samples(new URL('.', import.meta.url).href);
  const sheets = new Sheets(store);
  const trail = new Trail(store);
  const camera = new Camera({ sheets });
  const ask = (channel) => {
    trail.go({ layer: network.last.name, channel });
    $('inspector-title').focus();
  };
  new Answers({ api, network, samples, store });
  new Paper($('paper'), { store, sheets, samples });
  new Tools($('tools'), { store, sheets, network, paper: $('paper'), openCamera: () => camera.open() });
  new Digit($('digit'), { store, network });
  new Answer($('answer'), { store, ask });
  new Evidence($('evidence'), { store });
  new View($('view'), { store });
  new Columns($('columns'), { api, store, network, trail });
  new Inspector($('inspector'), { store, network, trail });
  new Patches($('inspector'), { api, store });
  const tour = new Tour($('offer'), { store, network, trail, sheets, embedded });
  const share = new Share({ api, store, columns: $('columns') });
  new Views($('views'), { store });
  followRoute({ api, manifest, network, samples, store });
  new Menu($('menu'), { store, network, models, startTour: tour.start, share: () => share.open() });
  store.watch(['said'], ({ said }) => {
    $('announcer').textContent = said;
  });
}

/** One view is on the page; the lab is loaded when it is first asked for. */
function followRoute(context) {
  let lab;
  context.store.watch(['route'], ({ route }) => {
    const isPlayground = route.view === PLAYGROUND;
    $('playground').hidden = !isPlayground;
    $('lab').hidden = isPlayground;
    if (isPlayground) return;
    lab ??= import('./lab/lab.js').then(({ openLab }) => openLab($('lab'), context));
    lab.then((opened) => opened.show()).catch(fail);
  });
}

/** The state into the address, and an address that changes into the state. */
function followLink(store, network) {
  let timer;
  const write = () => {
    if (store.state.route.view === PLAYGROUND) history.replaceState(null, '', `#${toHash(store.state)}`);
  };
  store.watch(['sheet', 'digit', 'cell', 'lang', 'stage', 'scale'], () => {
    clearTimeout(timer);
    timer = setTimeout(write, LINK_REST_MS);
  });
  addEventListener('hashchange', ({ newURL }) => {
    // not location: `write` may have come in between
    const { hash } = new URL(newURL);
    const route = routeOf(hash);
    const told = fromHash(hash, network);
    const lang = LANGUAGES.includes(told.lang) ? told.lang : store.state.lang;
    store.set({ route, lang });
    if (route.view !== PLAYGROUND) return;
    store.set({ stage: 'post', scale: 'layer', ...told, lang, trail: [], term: null });
  });
}

function fail(error) {
  document
    .querySelector('main:not([hidden])')
    .prepend(el('p', { class: 'card warning', role: 'alert' }, `${t('failed')} ${told(error)}`));
}

start().catch(fail);
