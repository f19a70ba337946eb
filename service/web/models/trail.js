/** The cells visited, to go back to. */
export class Trail {
  #store;

  constructor(store) {
    this.#store = store;
  }

  /** Select a cell; with `follow`, as the next step from the present one. */
  go(cell, { follow = false } = {}) {
    const { cell: present, trail } = this.#store.state;
    const steps = follow && present ? [...trail, present] : follow ? trail : [];
    this.#store.set({ cell, trail: steps, hover: null, term: null, allTerms: false });
  }

  /** Back to a step of the trail; without a number, to the last. */
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

/** A cell with the fields that it has; the service says null where a flat layer has no rows. */
export function asCell({ layer, channel, row, column }) {
  return row === null || row === undefined ? { layer, channel } : { layer, channel, row, column };
}

export function sameCell(a, b) {
  return ['layer', 'channel', 'row', 'column'].every((name) => (a?.[name] ?? null) === (b?.[name] ?? null));
}
