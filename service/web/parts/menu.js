import { el } from '../lib/dom.js';
import { LANGUAGES, loadLanguage, t } from '../lib/i18n.js';
import { PLAYGROUND } from '../models/route.js';

/** The page's menu: model, language, tour, sharing, and the API's page; a page may have no tour and no
 * sharing.
 */
export class Menu {
  #root;
  #api;
  #store;
  #network;
  #actions;
  #models = [];

  /** @param network the model's name and version. */
  constructor(root, { api, store, network, startTour, share }) {
    this.#root = root;
    this.#api = api;
    this.#store = store;
    this.#network = network;
    this.#actions = { startTour, share };
    store.watch(['lang', 'route'], () => this.#draw());
  }

  /** Load the list of the models to choose from; the page works without it. */
  async listModels() {
    const { models } = await this.#api.models().catch(() => ({ models: [] }));
    this.#models = models;
    if (models.length > 1) this.#root.prepend(modelChoice(models, this.#network)); // The focus stays.
  }

  #draw() {
    const { lang, route } = this.#store.state;
    const { startTour, share } = this.#actions;
    const focused = [...this.#root.children].indexOf(document.activeElement);
    const button = (name, onclick, text) => el('button', { type: 'button', 'data-menu': name, onclick }, text);
    const language = button('language', () => this.#changeLanguage(other(lang)), t('language.other'));
    language.lang = other(lang);
    this.#root.replaceChildren(
      ...(this.#models.length > 1 ? [modelChoice(this.#models, this.#network)] : []),
      ...(startTour && route.view === PLAYGROUND ? [button('tour', startTour, t('tour'))] : []),
      ...(share ? [button('share', share, t('share'))] : []),
      ...(this.#api.isStatic ? [] : [el('a', { href: `/docs?lang=${lang}` }, t('api'))]),
      language,
    );
    this.#root.children[focused]?.focus();
  }

  async #changeLanguage(lang) {
    await loadLanguage(lang);
    this.#store.set({ lang });
  }
}

const other = (lang) => LANGUAGES[(LANGUAGES.indexOf(lang) + 1) % LANGUAGES.length];

/** Create the choice of the model. Another model loads another page, because the layers differ and a
 * link to a cell would be invalid.
 */
function modelChoice(models, network) {
  const isLatest = ({ name, version }) =>
    models.every((other) => other.name !== name || other.version <= version);
  const isAlone = ({ name }) => models.filter((other) => other.name === name).length === 1;
  const go = (event) => {
    const { model, version } = event.target.selectedOptions[0].dataset;
    const url = new URL(location.href);
    url.searchParams.set('model', model);
    if (version) url.searchParams.set('version', version);
    else url.searchParams.delete('version');
    url.hash = '';
    location.href = url.href;
  };
  const options = models.map((model) => {
    const { name, version } = model;
    const selected = name === network.name && (isAlone(model) || version === network.version);
    return el(
      'option',
      {
        value: isLatest(model) ? name : `${name}/${version}`,
        'data-model': name,
        'data-version': isLatest(model) ? null : version,
        selected,
      },
      isAlone(model) ? name : `${name} · ${version}`,
    );
  });
  return el('select', { 'aria-label': t('model'), onchange: go }, ...options);
}
