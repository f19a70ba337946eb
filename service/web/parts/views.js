import { el } from '../lib/dom.js';
import { t } from '../lib/i18n.js';
import { toHash } from '../models/link.js';
import { PLAYGROUND, VIEWS } from '../models/route.js';

/** The links between the views; the one to the playground contains its current state. */
export class Views {
  constructor(root, { store }) {
    const links = VIEWS.map((view) => [view, el('a', { href: `#${view}` })]);
    const [[, playground]] = links;
    playground.addEventListener('click', () => {
      playground.href = `#${toHash(store.state)}`;
    });
    root.append(...links.map(([, link]) => link));
    store.watch(['lang', 'route'], ({ route }) => {
      for (const [view, link] of links) {
        link.textContent = t(`view.${view}`);
        if (view === route.view) link.setAttribute('aria-current', 'page');
        else link.removeAttribute('aria-current');
      }
      document.title = route.view === PLAYGROUND ? 'ConvScope' : `${t(`view.${route.view}`)} · ConvScope`;
    });
  }
}
