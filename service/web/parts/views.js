import { el } from '../lib/dom.js';
import { t } from '../lib/i18n.js';
import { PLAYGROUND, routeOf, VIEWS } from '../models/route.js';

/** The links between the views; the one to the playground contains its current state. */
export class Views {
  constructor(root, { store }) {
    const links = VIEWS.map((view) => [view, el('a', { href: `#${view}` })]);
    const [[, playground]] = links;
    addEventListener('hashchange', ({ oldURL }) => {
      const { hash } = new URL(oldURL);
      if (routeOf(hash).view === PLAYGROUND) playground.href = hash || `#${PLAYGROUND}`;
    });
    root.append(...links.map(([, link]) => link));
    store.watch(['lang', 'route'], ({ lang, route }) => {
      playground.href = playground.hash.replace(/lang=\w+/, `lang=${lang}`);
      for (const [view, link] of links) {
        link.textContent = t(`view.${view}`);
        if (view === route.view) link.setAttribute('aria-current', 'page');
        else link.removeAttribute('aria-current');
      }
      document.title = route.view === PLAYGROUND ? 'ConvScope' : `${t(`view.${route.view}`)} · ConvScope`;
    });
  }
}
