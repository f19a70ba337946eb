const SELECTED = { hover: null, term: null, allTerms: false, isChosen: true };

/** The history of selected cells, to go back to. Without a selection, the answer's class is the cell. */
export class Trail {
  #store;
  #network;

  constructor(store, network) {
    this.#store = store;
    this.#network = network;
  }

  /** Select a cell; with `follow`, as the next step from the current one. */
  go(cell, { follow = false } = {}) {
    const { cell: current, trail } = this.#store.state;
    const steps = follow && current ? [...trail, current] : follow ? trail : [];
    this.#store.set({ ...SELECTED, cell, trail: steps });
  }

  /** Select a step of the path below the current cell; the steps above it are those to go back to. */
  follow(path, step) {
    const { cell, trail } = this.#store.state;
    this.#store.set({ ...SELECTED, cell: path[step], trail: [...trail, cell, ...path.slice(0, step)] });
  }

  /** Select the answer's class again, also when the answer changes. */
  release = () => {
    const cell = classCell(this.#network, this.#store.state.values);
    this.#store.set({ ...SELECTED, cell, trail: [], isChosen: false });
  };

  /** Go back to a step of the trail; without a number, to the last one. */
  back(step = this.#store.state.trail.length - 1) {
    const { trail } = this.#store.state;
    if (trail[step])
      this.#store.set({ ...SELECTED, cell: trail[step], trail: trail.slice(0, step) });
  }
}

/** Return a cell without empty fields; the service sends null where a flat layer has no rows. */
export function asCell({ layer, channel, row, column }) {
  return row === null || row === undefined ? { layer, channel } : { layer, channel, row, column };
}

export function sameCell(a, b) {
  return ['layer', 'channel', 'row', 'column'].every((name) => (a?.[name] ?? null) === (b?.[name] ?? null));
}

/** Return the cell of the most probable class; null without values, or where there are no classes. */
export function classCell(network, values) {
  if (!values || !network.hasClasses) return null;
  return { layer: network.last.name, channel: values.ranking()[0].index };
}
