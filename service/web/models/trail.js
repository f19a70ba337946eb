/** The history of selected cells, to go back to. */
export class Trail {
  #store;

  constructor(store) {
    this.#store = store;
  }

  /** Select a cell; with `follow`, as the next step from the current one. */
  go(cell, { follow = false } = {}) {
    const { cell: current, trail } = this.#store.state;
    const steps = follow && current ? [...trail, current] : follow ? trail : [];
    this.#store.set({ cell, trail: steps, hover: null, term: null, allTerms: false });
  }

  /** Go back to a step of the trail; without a number, to the last one. */
  back(step = this.#store.state.trail.length - 1) {
    const { trail } = this.#store.state;
    if (trail[step])
      this.#store.set({
        cell: trail[step],
        trail: trail.slice(0, step),
        hover: null,
        term: null,
        allTerms: false,
      });
  }
}

/** Return a cell without empty fields; the service sends null where a flat layer has no rows. */
export function asCell({ layer, channel, row, column }) {
  return row === null || row === undefined ? { layer, channel } : { layer, channel, row, column };
}

export function sameCell(a, b) {
  return ['layer', 'channel', 'row', 'column'].every((name) => (a?.[name] ?? null) === (b?.[name] ?? null));
}
