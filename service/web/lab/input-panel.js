import { el } from '../lib/dom.js';
import { t } from '../lib/i18n.js';
import { REQUESTED, Requests } from '../models/requests.js';
import { EMPTY, isEmpty, Sheets } from '../models/sheet.js';
import { sheetOf, sheetPart } from '../models/link.js';
import { Store } from '../models/store.js';
import { DrawingArea } from '../parts/drawing-area.js';
import { problemText } from '../parts/problem.js';
import { button } from './controls.js';

/** The input of an exhibit: a small drawing area, and samples of the test set. As in the playground,
 * its store contains the service's `digit` and `values`.
 */
export class InputPanel {
  constructor({ api, network, samples, store, sheet, params, save, keepSheet }) {
    const linked = sheetOf(params, network);
    const first = isEmpty(linked) ? sheet : linked;
    this.store = new Store({
      ...REQUESTED,
      sheet: first,
      brush: 'normal',
      lang: '',
      dark: false,
      announcement: '',
    });
    this.sheets = new Sheets(this.store);
    const drawingArea = el('div', {});
    const next = button(t(network.acceptsImages ? 'tool.sample' : 'tool.random'), () => this.#next(network), {
      'data-desk': 'next',
    });
    const clear = button(t('tool.clear'), () => this.sheets.put(EMPTY), { 'data-desk': 'clear' });
    const problem = el('p', { class: 'warning', role: 'alert' });
    this.node = el('div', { class: 'desk' }, drawingArea, el('div', { class: 'row' }, next, clear), problem);
    new Requests({ api, network, samples, store: this.store });
    new DrawingArea(drawingArea, { store: this.store, sheets: this.sheets, samples });
    this.store.watch(['problem'], (state) => {
      problem.textContent = state.problem ? problemText(state.problem) : '';
    });
    this.store.watch(['announcement'], ({ announcement }) => announcement && store.set({ announcement }));
    this.store.watch(['sheet', 'digit'], (state) => {
      keepSheet(state.sheet);
      if (state.sheet === first) return;
      const link = sheetPart(state.sheet, state.digit);
      save({ sample: null, random: null, strokes: null, pixels: null, ...link });
    });
  }

  /** Hide nodes that show the network's values while there are none. */
  hideWithoutValues(...nodes) {
    this.store.watch(['values'], ({ values }) => nodes.forEach((node) => (node.hidden = !values)));
  }

  #next(network) {
    const { kind, index, seed } = this.store.state.sheet;
    if (network.acceptsImages) this.sheets.put({ kind: 'sample', index: kind === 'sample' ? index + 1 : 0 });
    else this.sheets.put({ kind: 'random', seed: (seed ?? 0) + 1 });
  }
}
