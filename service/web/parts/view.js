import { el } from '../lib/dom.js';
import { t } from '../lib/i18n.js';
import { SCALES, STAGES } from '../models/route.js';

/** The choices of what the columns show: the stage, and one colour scale per layer or per map. */
export class View {
  constructor(root, { store }) {
    store.watch(['lang', 'stage', 'scale'], (state) => {
      const focused = document.activeElement?.id;
      root.replaceChildren(
        choice('stage', STAGES, state.stage, (stage) => store.set({ stage })),
        choice('scale', SCALES, state.scale, (scale) => store.set({ scale })),
      );
      if (focused?.startsWith('view-')) document.getElementById(focused)?.focus();
    });
  }
}

/** Create radio buttons for the options of a part of the view. */
export function choice(name, options, selected, choose) {
  const radios = options.flatMap((option) => {
    const id = `view-${name}-${option}`;
    return [
      el('input', {
        type: 'radio',
        name,
        id,
        checked: option === selected,
        class: 'unseen',
        onchange: () => choose(option),
      }),
      el('label', { for: id }, t(`${name}.${option}`)),
    ];
  });
  return el('fieldset', { class: 'choice' }, el('legend', {}, t(name)), ...radios);
}
