/** What the page shows, in one place; parts say what they depend on, and are told when it changes. */
export class Store {
  #state;
  #listeners = [];

  constructor(state) {
    this.#state = { ...state };
  }

  get state() {
    return this.#state;
  }

  /** Take changes over, and tell whoever depends on one of them. */
  set(changes) {
    const changed = Object.keys(changes).filter((key) => this.#state[key] !== changes[key]);
    if (!changed.length) return;
    this.#state = { ...this.#state, ...changes };
    for (const { keys, listener } of [...this.#listeners]) {
      if (changed.some((key) => keys.includes(key))) listener(this.#state);
    }
  }

  /** Call the listener now, and whenever one of the keys changes. */
  watch(keys, listener) {
    this.#listeners.push({ keys, listener });
    listener(this.#state);
  }
}
