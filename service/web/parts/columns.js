import { el } from '../lib/dom.js';
import { DIGIT } from '../models/network.js';
import { Weights } from '../models/weights.js';
import { Classes } from './classes.js';
import { Column } from './column.js';
import { problemNote } from './problem.js';

/** The network from the input to the classes, one column per layer, built from the manifest alone. */
export class Columns {
  constructor(root, { api, store, network, trail }) {
    const open = (cell) => trail.go(cell);
    const focusInspector = () => document.querySelector('#inspector [data-plane="focus"]')?.focus();
    const tiled = network.hasClasses ? network.layers.slice(0, -1) : network.layers;
    for (const layer of [null, ...tiled]) {
      root.append(new Column({ store, network, layer, open, focusInspector }).node);
    }
    if (network.hasClasses) root.append(new Classes({ store, network, open }).node);
    const note = el('div', {});
    root.before(note);
    store.watch(['stage'], async ({ stage, weights }) => {
      note.replaceChildren();
      if (stage !== 'weights' || weights) return;
      try {
        store.set({ weights: new Weights(await api.weights()) });
      } catch (problem) {
        if (store.state.stage === 'weights') note.replaceChildren(problemNote(problem));
      }
    });
    store.watch(['cell'], ({ cell }) => {
      const node =
        cell && cell.layer !== DIGIT && root.querySelector(`[data-layer="${CSS.escape(cell.layer)}"]`);
      if (node) scrollTo(root, node);
    });
  }
}

/** Scroll a column into view horizontally; the page itself does not scroll. */
function scrollTo(root, node) {
  const left = node.offsetLeft - root.offsetLeft;
  if (left >= root.scrollLeft && left + node.offsetWidth <= root.scrollLeft + root.clientWidth) return;
  root.scrollTo({ left: left - (root.clientWidth - node.offsetWidth) / 2 });
}
