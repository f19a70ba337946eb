// The API's page: every route of openapi.json, by group, to read and to try.

import { el } from '../lib/dom.js';
import { addTexts, LANGUAGES, loadLanguage, preferred, setLanguage, t, translate } from '../lib/i18n.js';
import en from './i18n/en.js';
import ko from './i18n/ko.js';
import { groupName, Operation } from './operation.js';

const METHODS = ['get', 'put', 'post', 'delete', 'patch'];

const root = document.getElementById('api');
let language = new URLSearchParams(location.search).get('lang');
let key = '';

addTexts({ en, ko });
if (!LANGUAGES.includes(language)) language = preferred(navigator.languages);
document.getElementById('language').addEventListener('click', () => {
  language = LANGUAGES[(LANGUAGES.indexOf(language) + 1) % LANGUAGES.length];
  history.replaceState(null, '', `?lang=${language}${location.hash}`);
  show();
});
const loaded = fetch('openapi.json')
  .then((response) => (response.ok ? response.json() : null))
  .catch(() => null);
show();

async function show() {
  await loadLanguage(language);
  setLanguage(language);
  translate();
  document.querySelector('.top a').hash = `lang=${language}`;
  const button = document.getElementById('language');
  button.lang = LANGUAGES[(LANGUAGES.indexOf(language) + 1) % LANGUAGES.length];
  const openapi = await loaded;
  if (openapi) build(openapi);
  else root.replaceChildren(el('p', { class: 'card warning', role: 'alert' }, t('docs.failed')));
}

function build(openapi) {
  const groups = groupsOf(openapi).map(({ tag, description, operations }) => {
    const routes = operations.map(
      (operation) => new Operation({ document: openapi, operation, key: () => key }),
    );
    const title = el('h2', { id: `group-${tag}` }, groupName(tag));
    const about = el('p', { class: 'soft', lang: 'en' }, description);
    return { routes, node: el('section', { class: 'card' }, title, about, ...routes.map(({ node }) => node)), tag };
  });
  const none = el('p', { class: 'card', role: 'status', hidden: true }, t('docs.none'));
  const links = groups.map(({ tag }) => el('li', {}, el('a', { href: `#group-${tag}` }, groupName(tag))));
  root.replaceChildren(
    el(
      'aside',
      {},
      filterField(groups, none),
      ...(needsKey(openapi) ? [keyField()] : []),
      el('nav', { 'aria-label': t('docs.groups') }, el('ol', {}, ...links)),
      el('a', { href: 'openapi.json' }, t('docs.document')),
    ),
    el('div', { class: 'groups' }, none, ...groups.map(({ node }) => node)),
  );
  openLinked();
}

/** Return the operations of each tag, in the document's order. */
function groupsOf({ tags, paths }) {
  const operations = Object.entries(paths).flatMap(([path, item]) =>
    METHODS.filter((method) => item[method]).map((method) => {
      const { operationId, tags: names, parameters = [], ...rest } = item[method];
      return { ...rest, parameters, path, method: method.toUpperCase(), id: operationId, tag: names[0] };
    }),
  );
  return tags
    .map(({ name, description }) => ({
      tag: name,
      description,
      operations: operations.filter(({ tag }) => tag === name),
    }))
    .filter((group) => group.operations.length);
}

const needsKey = ({ paths, security = [] }) =>
  [{ security }, ...Object.values(paths).flatMap((item) => Object.values(item))].some(
    (operation) => operation.security?.length,
  );

function filterField(groups, none) {
  const input = el('input', { type: 'search', id: 'filter', autocomplete: 'off' });
  input.addEventListener('input', () => {
    const text = input.value.trim().toLowerCase();
    for (const { routes, node } of groups) {
      for (const route of routes) route.node.hidden = !route.matches(text);
      node.hidden = routes.every((route) => route.node.hidden);
    }
    none.hidden = groups.some(({ node }) => !node.hidden);
  });
  return el('div', { class: 'parameter' }, el('label', { for: 'filter' }, t('docs.filter')), input);
}

function keyField() {
  const input = el('input', { type: 'password', id: 'key', autocomplete: 'off', value: key });
  input.addEventListener('input', () => (key = input.value));
  return el(
    'div',
    { class: 'parameter' },
    el('label', { for: 'key' }, t('docs.key')),
    input,
    el('p', { class: 'soft' }, t('docs.key.how')),
  );
}

/** Open the route that the address names. */
function openLinked() {
  const linked = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (!linked) return;
  if (linked.matches('details')) linked.open = true;
  linked.scrollIntoView();
}

addEventListener('hashchange', openLinked);
root.addEventListener(
  'toggle',
  ({ target }) => {
    if (target.matches('.route') && target.open) history.replaceState(null, '', `#${target.id}`);
  },
  true, // Toggle events do not bubble.
);
