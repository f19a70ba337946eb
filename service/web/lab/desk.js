import { el } from '../lib/dom.js';
import { t } from '../lib/i18n.js';
import { Answers } from '../models/answers.js';
import { EMPTY, isEmpty, Sheets } from '../models/sheet.js';
import { sheetOf, sheetPart } from '../models/link.js';
import { Store } from '../models/store.js';
import { Paper } from '../parts/paper.js';
import { told } from '../parts/refusal.js';
import { button } from './controls.js';

const NOTHING = { digit: null, values: null, problem: null, cell: null, explanation: null };
const UNUSED = { allTerms: false, evidence: false, occlusion: null, brush: 'normal', lang: '', dark: false };

/** Where an exhibit's digit comes from: a small sheet of paper, and samples of the test set. Its
 * store holds `digit` and `values`, the service's own, as the playground's does.
 */
export class Desk {
  constructor({ api, network, samples, store, sheet, params, save, keepSheet }) {
    const asked = sheetOf(params, network);
    const first = isEmpty(asked) ? sheet : asked;
    this.store = new Store({ ...NOTHING, ...UNUSED, sheet: first, said: '' });
    this.sheets = new Sheets(this.store);
    const paper = el('div', {});
    const next = button(t(network.takesPictures ? 'tool.sample' : 'tool.random'), () => this.#next(network), {
      'data-desk': 'next',
    });
    const clear = button(t('tool.clear'), () => this.sheets.put(EMPTY), { 'data-desk': 'clear' });
    const problem = el('p', { class: 'warning', role: 'alert' });
    this.node = el('div', { class: 'desk' }, paper, el('div', { class: 'row' }, next, clear), problem);
    new Answers({ api, network, samples, store: this.store });
    new Paper(paper, { store: this.store, sheets: this.sheets, samples });
    this.store.watch(['problem'], (now) => {
      problem.textContent = now.problem ? told(now.problem) : '';
    });
    this.store.watch(['said'], ({ said }) => said && store.set({ said }));
    this.store.watch(['sheet', 'digit'], (now) => {
      keepSheet(now.sheet);
      if (now.sheet !== first) {
        save({ sample: null, random: null, strokes: null, pixels: null, ...sheetPart(now.sheet, now.digit) });
      }
    });
  }

  /** Hide what shows the network's values while there is no digit: they would be another's. */
  shows(...nodes) {
    this.store.watch(['values'], ({ values }) => nodes.forEach((node) => (node.hidden = !values)));
  }

  #next(network) {
    const { kind, index, seed } = this.store.state.sheet;
    if (network.takesPictures) this.sheets.put({ kind: 'sample', index: kind === 'sample' ? index + 1 : 0 });
    else this.sheets.put({ kind: 'random', seed: (seed ?? 0) + 1 });
  }
}
