import { el } from '../lib/dom.js';
import { DIGIT } from '../models/network.js';
import { Weights } from '../models/weights.js';
import { Classes } from './classes.js';
import { Column } from './column.js';
import { refusal } from './refusal.js';

/** The network from the input to the classes, one column a layer, built from the manifest alone. */
export class Columns {
  constructor(root, { api, store, network, trail }) {
    const open = (cell) => trail.go(cell);
    const inward = () => document.querySelector('#inspector [data-plane="focus"]')?.focus();
    this.columns = [null, ...network.layers].map(
      (layer) => new Column({ store, network, layer, open, inward }),
    );
    const nodes = this.columns.map((column) => column.node);
    if (!network.last.isFlat || network.last.channels !== network.labels.length) {
      root.append(...nodes);
    } else {
      const classes = new Classes({ store, network, open });
      root.append(...nodes.slice(0, -1), classes.node);
      this.columns.pop();
    }
    const note = el('div', {});
    root.before(note);
    store.watch(['stage'], async ({ stage, weights }) => {
      note.replaceChildren();
      if (stage !== 'weights' || weights) return;
      try {
        store.set({ weights: new Weights(await api.weights()) });
      } catch (problem) {
        if (store.state.stage === 'weights') note.replaceChildren(refusal(problem));
      }
    });
    store.watch(['cell'], ({ cell }) => {
      const node =
        cell && cell.layer !== DIGIT && root.querySelector(`[data-layer="${CSS.escape(cell.layer)}"]`);
      if (node) scrollTo(root, node);
    });
  }
}

/** Bring a column into sight, sideways only: the page itself stays where it is. */
function scrollTo(root, node) {
  const left = node.offsetLeft - root.offsetLeft;
  if (left >= root.scrollLeft && left + node.offsetWidth <= root.scrollLeft + root.clientWidth) return;
  root.scrollTo({ left: left - (root.clientWidth - node.offsetWidth) / 2 });
}
