// The view "Learning": the lecture's network at several steps of its training, on one slider.

import { layersOf } from '../compute/local.js';
import { el, loadStyle } from '../lib/dom.js';
import { addTexts, t } from '../lib/i18n.js';
import { percent } from '../lib/numbers.js';
import { LAB, PLAYGROUND, replaceAddress } from '../models/route.js';
import { Answer } from './answer.js';
import { Changes } from './changes.js';
import { Curve } from './curves.js';
import { DigitMap } from './digit-map.js';
import en from './i18n/en.js';
import ko from './i18n/ko.js';
import { Kernels, Maps } from './layers.js';
import { Snapshots } from './snapshots.js';
import { Timeline } from './timeline.js';

const LINK_DELAY_MS = 120; // Browsers throttle an address that changes with every pixel of a drag.
const MAP_SIDE = 318; // CSS pixels
const FILE = 'snapshots.safetensors';

/** Build the view once its texts, its style sheet and the snapshots are loaded. */
export async function open(root, context) {
  addTexts({ en, ko });
  const isRecorded = FILE in (context.manifest.sha256 ?? {});
  const [buffer] = await Promise.all([
    isRecorded ? context.api.snapshots() : null,
    loadStyle(new URL('learning.css', import.meta.url)),
    loadStyle(new URL('../lib/classes.css', import.meta.url)),
  ]);
  return new Learning(root, context, buffer && new Snapshots(buffer, layersOf(context.network)));
}

class Learning {
  #root;
  #context;
  #snapshots;
  #index = 0;
  #isShown = false;
  #parts = []; // each with `show(index)`, and `leave()` where something runs
  #linkTimer;

  /** @param snapshots null where the model's training was not recorded. */
  constructor(root, context, snapshots) {
    this.#root = root;
    this.#context = context;
    this.#snapshots = snapshots;
    context.store.watch(['lang', 'dark', 'digit'], () => this.#isShown && this.#build());
  }

  /** Show the snapshot in the address; the first one where the address names none. */
  async show() {
    this.#isShown = true;
    const step = Number(this.#context.store.state.route.params.get('step'));
    const index = this.#snapshots?.entries.findIndex((entry) => entry.step === step) ?? 0;
    this.#index = Math.max(0, index);
    await this.#build();
  }

  /** Stop what runs. */
  leave() {
    this.#isShown = false;
    this.#clear();
  }

  #clear() {
    clearTimeout(this.#linkTimer);
    for (const part of this.#parts) part.leave?.();
    this.#parts = [];
    this.#root.replaceChildren();
  }

  async #build() {
    const digit = await this.#digit();
    if (!this.#isShown) return;
    const isFocused = this.#root.querySelector('input') === document.activeElement;
    this.#clear();
    if (!this.#snapshots) {
      this.#root.append(el('section', { class: 'card' }, heading(), el('p', {}, t('learning.none'))));
      return;
    }
    this.#root.append(...this.#content(digit));
    this.#show(this.#index);
    this.#writeLink();
    if (isFocused) this.#root.querySelector('input').focus();
  }

  #content(digit) {
    const { manifest, network, store } = this.#context;
    const snapshots = this.#snapshots;
    const { entries } = snapshots;
    const answer = new Answer({ snapshots, network, digit });
    const timeline = new Timeline({
      count: entries.length,
      describe: (index) => this.#description(index, answer.label(index)),
      choose: (index) => this.#choose(index),
      announce: (announcement) => store.set({ announcement }),
    });
    const kernels = new Kernels({ snapshots, network });
    const maps = new Maps({ network, valuesAt: (index) => answer.values(index) });
    const changes = new Changes({ snapshots });
    const curves = ['accuracy', 'loss'].map((name) => new Curve(name, entries));
    const map = new DigitMap({ classes: snapshots.labels, labels: network.labels, side: MAP_SIDE });
    this.#parts = [
      ...[timeline, answer, kernels, maps, changes],
      { show: (index) => curves.forEach((curve) => curve.mark(index)) },
      {
        show: (index) => map.show(snapshots.map(index), t('learning.map.name', entries[index])),
        leave: () => map.leave(),
      },
    ];
    const count = snapshots.labels.length.toLocaleString('en');
    const batch = entries[1].images / entries[1].step;
    const isOther = manifest.training?.recipe !== 'lecture';
    return [
      el(
        'header',
        {},
        heading(),
        el('p', {}, t('learning.text', { batch })),
        el('p', {}, t('learning.look')),
      ),
      timeline.node,
      card('answer', t('learning.answer'), answer.node, this.#origin()),
      card('kernels', t('learning.kernels', { layer: kernels.layer }), kernels.node),
      card('maps', t('learning.maps'), maps.node),
      card('map', t('learning.map'), map.node, el('p', { class: 'soft' }, t('learning.map.how', { count }))),
      card(
        'curves',
        t('learning.curves'),
        el('div', { class: 'curves' }, ...curves.map(({ node }) => node)),
      ),
      card('changes', t('learning.changes'), changes.node),
      el(
        'footer',
        { class: 'soft' },
        isOther ? `${t('learning.other')} ` : '',
        el('a', { href: `#${LAB}/training&lang=${store.state.lang}` }, t('learning.lab')),
      ),
    ];
  }

  /** Say where the digit is from. */
  #origin() {
    const { digit, lang } = this.#context.store.state;
    if (digit) return el('p', { class: 'soft' }, t('learning.answer.own'));
    const link = el('a', { href: `#${PLAYGROUND}&lang=${lang}` }, t('learning.answer.draw'));
    return el('p', { class: 'soft' }, `${t('learning.answer.sample')} `, link);
  }

  #choose(index) {
    this.#show(index);
    this.#writeLink();
  }

  /** Write the snapshot into the address. */
  #writeLink() {
    clearTimeout(this.#linkTimer);
    this.#linkTimer = setTimeout(() => {
      const { lang } = this.#context.store.state;
      const { step } = this.#snapshots.entries[this.#index];
      replaceAddress(`#learning&${new URLSearchParams({ step, lang })}`);
    }, LINK_DELAY_MS);
  }

  #show(index) {
    this.#index = index;
    for (const part of this.#parts) part.show(index);
  }

  #description(index, label) {
    const { step, images, accuracy } = this.#snapshots.entries[index];
    const values = { step, images: images.toLocaleString('en'), accuracy: percent(accuracy), label };
    return { ...values, step: step.toLocaleString('en') };
  }

  /** Return the playground's digit; a sample where there is none. */
  async #digit() {
    const { network, samples, store } = this.#context;
    return store.state.digit ?? { ...network.input, pixels: await samples.pixels(0) };
  }
}

const heading = () => el('h2', {}, t('learning.title'));

function card(name, title, ...content) {
  const id = `learning-${name}`;
  return el(
    'section',
    { class: 'card', 'data-part': name, 'aria-labelledby': id },
    el('h3', { id }, title),
    ...content,
  );
}
