import { el } from '../lib/dom.js';
import { LANGUAGES, t } from '../lib/i18n.js';
import { PLAYGROUND } from '../models/route.js';

/** The page's menu: model, language, tour, sharing, and the API's page; a page may have no tour and no
 * sharing.
 */
export class Menu {
  constructor(root, { store, network, models, startTour, share }) {
    store.watch(['lang', 'route'], ({ lang, route }) => {
      const focused = [...root.children].indexOf(document.activeElement);
      root.replaceChildren(
        ...(models.length > 1 ? [modelChoice(models, network)] : []),
        ...(startTour && route.view === PLAYGROUND
          ? [el('button', { type: 'button', 'data-menu': 'tour', onclick: startTour }, t('tour'))]
          : []),
        ...(share ? [el('button', { type: 'button', 'data-menu': 'share', onclick: share }, t('share'))] : []),
        el('a', { href: `/docs?lang=${lang}` }, t('api')),
        el(
          'button',
          {
            type: 'button',
            'data-menu': 'language',
            lang: other(lang),
            onclick: () => store.set({ lang: other(lang) }),
          },
          t('language.other'),
        ),
      );
      root.children[focused]?.focus();
    });
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
