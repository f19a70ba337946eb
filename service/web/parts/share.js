import { el } from '../lib/dom.js';
import { DIGIT } from '../models/network.js';
import { toText } from '../models/strokes.js';
import { t } from '../lib/i18n.js';
import { PLAYGROUND } from '../models/route.js';
import { Dialog } from './dialog.js';
import { viewAsPng } from './view-image.js';
import { problemNote } from './problem.js';

const CONFIRMATION_MS = 2000;

/** The dialog that shares the page: links, the request as a command, and the values as files. */
export class Share {
  #api;
  #store;
  #columns;
  #dialog = new Dialog('share');

  constructor({ api, store, columns }) {
    this.#api = api;
    this.#store = store;
    this.#columns = columns;
  }

  open() {
    const { digit, stage, route } = this.#store.state;
    const inPlayground = route.view === PLAYGROUND;
    this.#dialog.body.replaceChildren(
      copy('link', () => location.href),
      copy(
        'embed',
        () => `<iframe src="${embedded()}" title="ConvScope" width="100%" height="900"></iframe>`,
      ),
      ...(inPlayground ? this.#values(digit, stage) : []),
    );
    this.#dialog.open(t('share'));
  }

  /** Create the buttons that share a digit's values; they are disabled without a digit. */
  #values(digit, stage) {
    const needsDigit = (node) => {
      node.disabled = !digit;
      return node;
    };
    return [
      ...(this.#api.isStatic ? [] : [needsDigit(copy('curl', () => this.#curl()))]),
      needsDigit(action('png', async () => save(await viewAsPng(this.#columns), 'convscope.png'))),
      ...(this.#api.isStatic ? [] : [needsDigit(this.#archiveButton(digit, stage))]),
      ...(digit ? [] : [el('p', { class: 'soft' }, t('share.draw'))]),
    ];
  }

  #archiveButton(digit, shown) {
    const stage = shown === 'pre' ? 'pre' : 'post';
    const run = async () => save(await this.#api.archive(digit, stage), `convscope-${stage}.npz`);
    return action('npz', run, { stage: t(`stage.${stage}`) });
  }

  /** Return a command that needs no file and requests the cell's explanation, or else the prediction. */
  #curl() {
    const { digit, cell } = this.#store.state;
    const route = this.#api.address(cell?.layer === DIGIT ? null : cell);
    const bytes = toText(this.#api.npy(digit)).replaceAll('-', '+').replaceAll('_', '/');
    const padded = bytes.padEnd(Math.ceil(bytes.length / 4) * 4, '=');
    return `echo '${padded}' | base64 -d | curl -H 'Content-Type: application/x-npy' --data-binary @- '${location.origin}${route}'`;
  }
}

function embedded() {
  const url = new URL(location.href);
  url.searchParams.set('embed', '1');
  return url.href.replaceAll('&', '&amp;');
}

/** Create a button; a problem of its action is shown below it until it is pressed again. */
function action(name, run, values) {
  let note;
  const onclick = async () => {
    note?.remove();
    try {
      await run();
    } catch (problem) {
      note = problemNote(problem);
      button.after(note);
    }
  };
  const button = el(
    'button',
    { type: 'button', 'data-share': name, class: 'wide', onclick },
    t(`share.${name}`, values),
  );
  return button;
}

function copy(name, text) {
  const button = action(name, async () => {
    await write(text());
    button.textContent = t('share.copied');
    setTimeout(() => {
      button.textContent = t(`share.${name}`);
    }, CONFIRMATION_MS);
  });
  return button;
}

/** Copy a text; where the page has no clipboard (plain http), show it for copying by hand. */
async function write(text) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    window.prompt(t('share.by-hand'), text);
  }
}

function save(blob, name) {
  const link = el('a', { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href));
}
