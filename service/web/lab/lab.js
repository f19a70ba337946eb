// The lab: one exhibit at a time, each at its own address, and the page about the model.

import { el, loadStyle } from '../lib/dom.js';
import { addTexts, t } from '../lib/i18n.js';
import { EMPTY, isEmpty } from '../models/sheet.js';
import { exhibitHash, replaceAddress } from '../models/route.js';
import { Store } from '../models/store.js';
import { problemText } from '../parts/problem.js';
import { EXHIBITS } from './exhibits.js';
import en from './i18n/en.js';
import enReading from './i18n/en-reading.js';
import ko from './i18n/ko.js';
import koReading from './i18n/ko-reading.js';

const LINK_DELAY_MS = 120; // Browsers throttle an address that changes with every pixel of a drag.

/** Build the lab once its texts and its style sheet are loaded. */
export async function open(root, context) {
  addTexts({ en, ko });
  addTexts({ en: enReading, ko: koReading });
  await loadStyle(new URL('lab.css', import.meta.url));
  return new Lab(root, context);
}

const NO_EXHIBIT = { name: null, route: null, state: {}, uploads: {}, leave: () => {} };

class Lab {
  #context;
  #nav = el('nav', { class: 'exhibits' });
  #place = el('div', { class: 'place' });
  #current = NO_EXHIBIT;
  #sheet = EMPTY;
  #playgroundSheet = EMPTY; // the last sheet that came from the playground

  constructor(root, context) {
    this.#context = context;
    root.append(this.#nav, this.#place);
    context.store.watch(['lang', 'dark'], () => this.#current.name && this.show());
  }

  /** Show the exhibit in the address; the first one where the address names none. */
  async show() {
    const { route } = this.#context.store.state;
    const name = Object.hasOwn(EXHIBITS, route.exhibit) ? route.exhibit : Object.keys(EXHIBITS)[0];
    const isRedraw = this.#current.name === name && this.#current.route === route;
    const params = isRedraw ? new URLSearchParams(this.#current.state) : route.params;
    const uploads = isRedraw ? this.#current.uploads : {};
    this.leave();
    const current = { ...NO_EXHIBIT, name, route, state: Object.fromEntries(params), uploads };
    this.#current = current;
    this.#drawNav(name);
    const { default: Exhibit } = await EXHIBITS[name]();
    if (this.#current !== current) return; // Another exhibit was opened, or the lab was left.
    const stage = el('div', { class: 'stage' });
    this.#place.replaceChildren(frame(name, stage));
    const exhibit = new Exhibit(stage, this.#contextOf(current, params, stage));
    current.leave = () => exhibit.leave?.();
  }

  /** Stop the exhibit that is shown. */
  leave() {
    this.#current.leave();
    this.#current = NO_EXHIBIT;
    this.#place.replaceChildren();
  }

  #contextOf(current, params, stage) {
    let timer;
    const save = (state) => {
      Object.assign(current.state, state);
      for (const [key, value] of Object.entries(state)) if (value === null) delete current.state[key];
      clearTimeout(timer);
      timer = setTimeout(() => {
        if (this.#current !== current) return;
        const { lang } = this.#context.store.state;
        const { lang: _, ...rest } = current.state;
        replaceAddress(exhibitHash(current.name, rest, lang));
      }, LINK_DELAY_MS);
    };
    return {
      ...this.#context,
      params,
      save,
      uploads: current.uploads, // too large for a link, but preserved by a change of language or colours
      settings: (defaults, limits) => settings(defaults, limits ?? {}, params, save),
      showProblem: (problem) => {
        stage.prepend(el('p', { class: 'warning', role: 'alert' }, `${t('failed')} ${problemText(problem)}`));
      },
      // Responses to an exhibit that is no longer shown must not be announced in the next one.
      announce: (announcement) => this.#current === current && this.#context.store.set({ announcement }),
      sheet: this.#firstSheet(),
      keepSheet: (sheet) => {
        if (this.#current === current) this.#sheet = sheet;
      },
    };
  }

  /** Return the sheet for a new exhibit: the playground's, a later one of the lab, or a sample. */
  #firstSheet() {
    const { sheet } = this.#context.store.state;
    if (!isEmpty(sheet) && sheet !== this.#playgroundSheet) {
      this.#sheet = sheet;
      this.#playgroundSheet = sheet;
    }
    if (!isEmpty(this.#sheet)) return this.#sheet;
    return this.#context.network.acceptsImages ? { kind: 'sample', index: 0 } : { kind: 'random', seed: 7 };
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
    const link = this.#nav.querySelector('[aria-current]');
    this.#nav.scrollLeft = link.offsetLeft - 12; // On a phone the exhibits are one row.
  }
}

/** Create an exhibit's frame: its part of the lecture, its name, what it shows, and where to read on. */
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
      el('p', { class: 'description' }, t(`lab.${name}.text`)),
      el(
        'p',
        { class: 'soft context' },
        `${t(`lab.${name}.context`)} `,
        el(
          'a',
          { href: t(`lab.${name}.url`), target: '_blank', rel: 'noopener' },
          t(`lab.${name}.link`),
          el('span', { 'aria-hidden': 'true' }, '\u00a0↗'),
        ),
      ),
    ),
    stage,
  );
}

/** Create the store of an exhibit's state: read from the link, else the defaults; written to the link.
 *
 * @param limits [minimum, maximum] of each number, else [0, Infinity]; the link's other numbers are ignored.
 */
function settings(defaults, limits, params, save) {
  const state = { ...defaults };
  for (const [key, value] of Object.entries(defaults)) {
    const text = params.get(key);
    if (text === null) continue;
    const [minimum, maximum] = limits[key] ?? [0, Infinity];
    if (typeof value !== 'number') state[key] = text;
    else if (/^-?\d+(\.\d+)?$/.test(text) && text >= minimum && text <= maximum) state[key] = Number(text);
  }
  const store = new Store(state);
  store.watch(Object.keys(defaults), (current) => {
    const differs = (key) => current[key] !== defaults[key];
    save(Object.fromEntries(Object.keys(defaults).map((key) => [key, differs(key) ? current[key] : null])));
  });
  return store;
}
