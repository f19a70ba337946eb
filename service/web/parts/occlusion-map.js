import { el } from '../lib/dom.js';
import { percent, short } from '../lib/numbers.js';
import { t } from '../lib/i18n.js';
import { heatLimit } from './digit.js';
import { legend } from './legend.js';
import { problemNote } from './problem.js';

/** Toggles the occlusion map over the digit, and explains how to read it. */
export class OcclusionMap {
  constructor(root, { store }) {
    const button = el('button', {
      type: 'button',
      class: 'wide',
      'aria-pressed': 'false',
      onclick: () => store.set({ showsOcclusion: !store.state.showsOcclusion }),
    });
    const description = el('div', { class: 'description' });
    root.append(button, description);
    store.watch(['showsOcclusion', 'values', 'lang'], ({ showsOcclusion, values }) => {
      button.textContent = t('evidence');
      button.disabled = !values;
      button.setAttribute('aria-pressed', String(showsOcclusion));
    });
    store.watch(['occlusion', 'occlusionProblem', 'lang'], ({ occlusion, occlusionProblem: problem }) => {
      description.replaceChildren(
        ...(occlusion ? explain(occlusion) : problem ? [problemNote(problem)] : []),
      );
    });
  }
}

function explain(occlusion) {
  const limit = heatLimit(occlusion);
  const text = t('evidence.how', {
    patch: occlusion.patch,
    label: occlusion.label,
    confidence: percent(occlusion.confidence),
  });
  return [legend(limit, true, (value) => short(Math.round(100 * value))), el('p', {}, text)];
}
