import { el } from '../lib/dom.js';
import { LANGUAGES, t } from '../lib/i18n.js';
import { PLAYGROUND } from '../models/route.js';

/** The page's menu: model, language, tour, sharing, and the API's page. */
export class Menu {
  constructor(root, { store, network, models, startTour, share }) {
    store.watch(['lang', 'route'], ({ lang, route }) => {
      const focused = [...root.children].indexOf(document.activeElement);
      root.replaceChildren(
        ...(models.length > 1 ? [modelChoice(models, network.name)] : []),
        ...(route.view === PLAYGROUND
          ? [el('button', { type: 'button', 'data-menu': 'tour', onclick: startTour }, t('tour'))]
          : []),
        el('button', { type: 'button', 'data-menu': 'share', onclick: share }, t('share')),
        el('a', { href: '/docs' }, t('api')),
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
function modelChoice(models, name) {
  const go = (event) => {
    const url = new URL(location.href);
    url.searchParams.set('model', event.target.value);
    url.hash = '';
    location.href = url.href;
  };
  const options = models.map((model) =>
    el('option', { value: model.name, selected: model.name === name }, model.name),
  );
  return el('select', { 'aria-label': t('model'), onchange: go }, ...options);
}
