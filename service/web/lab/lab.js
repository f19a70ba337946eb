// The lab: one exhibit at a time, each with its own address; and the page about the model.

import { el } from '../lib/dom.js';
import { addTexts, t } from '../lib/i18n.js';
import { EMPTY, isEmpty } from '../models/sheet.js';
import { exhibitHash, PLAYGROUND } from '../models/route.js';
import { Store } from '../models/store.js';
import { told } from '../parts/refusal.js';
import { EXHIBITS } from './exhibits.js';
import en from './i18n/en.js';
import ko from './i18n/ko.js';

const LINK_REST_MS = 120;

/** Once its texts and its style are there. */
export async function openLab(root, context) {
  addTexts({ en, ko });
  await new Promise((done) => {
    const href = new URL('lab.css', import.meta.url).href;
    document.head.append(el('link', { rel: 'stylesheet', href, onload: done, onerror: done }));
  });
  return new Lab(root, context);
}

class Lab {
  #context;
  #nav = el('nav', { class: 'exhibits' });
  #place = el('div', { class: 'place' });
  #mounted = { name: null, route: null, state: {}, kept: {}, leave: () => {} };
  #sheet = EMPTY;
  #taken = EMPTY; // the playground's sheet that was taken over last

  constructor(root, context) {
    this.#context = context;
    root.append(this.#nav, this.#place);
    context.store.watch(['route'], ({ route }) => route.view === PLAYGROUND && this.#leave());
    context.store.watch(['lang', 'dark'], () => this.#mounted.name && this.show());
  }

  /** The exhibit that the address asks for, the first where it asks for none. */
  async show() {
    const { route } = this.#context.store.state;
    if (route.view === PLAYGROUND) return; // left again before the lab was there
    const name = Object.hasOwn(EXHIBITS, route.exhibit) ? route.exhibit : Object.keys(EXHIBITS)[0];
    const again = this.#mounted.name === name && this.#mounted.route === route;
    const params = again ? new URLSearchParams(this.#mounted.state) : route.params;
    const kept = again ? this.#mounted.kept : {};
    this.#leave();
    const mounted = { name, route, state: Object.fromEntries(params), kept, leave: () => {} };
    this.#mounted = mounted;
    this.#drawNav(name);
    const { default: Exhibit } = await EXHIBITS[name]();
    if (this.#mounted !== mounted) return; // another was asked for meanwhile
    const stage = el('div', { class: 'stage' });
    this.#place.replaceChildren(frame(name, stage));
    const exhibit = new Exhibit(stage, this.#contextOf(mounted, params, stage));
    mounted.leave = () => exhibit.leave?.();
  }

  #leave() {
    this.#mounted.leave();
    this.#mounted = { name: null, route: null, state: {}, kept: {}, leave: () => {} };
    this.#place.replaceChildren();
  }

  #contextOf(mounted, params, stage) {
    let timer;
    const save = (state) => {
      Object.assign(mounted.state, state);
      for (const [key, value] of Object.entries(state)) if (value === null) delete mounted.state[key];
      clearTimeout(timer);
      timer = setTimeout(() => {
        if (this.#mounted !== mounted) return;
        const { lang } = this.#context.store.state;
        const { lang: _, ...rest } = mounted.state;
        history.replaceState(null, '', exhibitHash(mounted.name, rest, lang));
      }, LINK_REST_MS);
    };
    return {
      ...this.#context,
      params,
      save,
      kept: mounted.kept, // what no link can hold: stays in another language and in other colours
      settings: (defaults, limits) => settings(defaults, limits ?? {}, params, save),
      failed: (problem) => {
        stage.prepend(el('p', { class: 'warning', role: 'alert' }, `${t('failed')} ${told(problem)}`));
      },
      // an exhibit that was left may still get answers: they are none of the next one's
      say: (said) => this.#mounted === mounted && this.#context.store.set({ said }),
      sheet: this.#sheetNow(),
      keepSheet: (sheet) => {
        if (this.#mounted === mounted) this.#sheet = sheet;
      },
    };
  }

  /** What was drawn in the playground, what was drawn here since, or a sample. */
  #sheetNow() {
    const { sheet } = this.#context.store.state;
    if (!isEmpty(sheet) && sheet !== this.#taken) {
      this.#sheet = sheet;
      this.#taken = sheet;
    }
    if (!isEmpty(this.#sheet)) return this.#sheet;
    return this.#context.network.takesPictures ? { kind: 'sample', index: 0 } : { kind: 'random', seed: 7 };
  }

  #drawNav(name) {
    const { lang } = this.#context.store.state;
    const items = Object.keys(EXHIBITS).map((each) =>
      el(
        'li',
        {},
        el(
          'a',
          { href: exhibitHash(each, {}, lang), 'aria-current': each === name ? 'page' : null },
          t(`lab.${each}.title`),
        ),
      ),
    );
    this.#nav.setAttribute('aria-label', t('lab.exhibits'));
    this.#nav.replaceChildren(el('ol', {}, ...items));
    const chosen = this.#nav.querySelector('[aria-current]');
    this.#nav.scrollLeft = chosen.offsetLeft - 12; // a row on a phone
  }
}

/** The exhibit's name, its two sentences, and which part of the lecture it shows. */
function frame(name, stage) {
  const number = Object.keys(EXHIBITS).indexOf(name) + 1;
  return el(
    'article',
    { class: 'exhibit card', 'data-exhibit': name, 'aria-labelledby': 'exhibit-title' },
    el(
      'header',
      {},
      el('p', { class: 'soft' }, t('lab.part', { number, part: t(`lab.${name}.part`) })),
      el('h2', { id: 'exhibit-title' }, t(`lab.${name}.title`)),
      el('p', { class: 'told' }, t(`lab.${name}.text`)),
    ),
    stage,
  );
}

/** An exhibit's own state: what the link says of it, else its first state; kept in the link.
 *
 * @param limits [least, most] of its numbers; else nothing below 0. What lies outside is not taken.
 */
function settings(defaults, limits, params, save) {
  const state = { ...defaults };
  for (const [key, value] of Object.entries(defaults)) {
    const told = params.get(key);
    if (told === null) continue;
    const [least, most] = limits[key] ?? [0, Infinity];
    if (typeof value !== 'number') state[key] = told;
    else if (/^-?\d+(\.\d+)?$/.test(told) && told >= least && told <= most) state[key] = Number(told);
  }
  const store = new Store(state);
  store.watch(Object.keys(defaults), (now) => {
    const differs = (key) => now[key] !== defaults[key];
    save(Object.fromEntries(Object.keys(defaults).map((key) => [key, differs(key) ? now[key] : null])));
  });
  return store;
}
