/** The page's state; listeners name the keys that they depend on, and run when one of them changes. */
export class Store {
  #state;
  #listeners = [];

  constructor(state) {
    this.#state = { ...state };
  }

  get state() {
    return this.#state;
  }

  /** Apply changes, and call the listeners of the keys whose values differ. */
  set(changes) {
    const changed = Object.keys(changes).filter((key) => this.#state[key] !== changes[key]);
    if (!changed.length) return;
    this.#state = { ...this.#state, ...changes };
    for (const { keys, listener } of [...this.#listeners]) {
      if (changed.some((key) => keys.includes(key))) listener(this.#state);
    }
  }

  /** Call a listener now, and whenever one of the keys changes; return a function that ends this. */
  watch(keys, listener) {
    const entry = { keys, listener };
    this.#listeners.push(entry);
    listener(this.#state);
    return () => {
      this.#listeners = this.#listeners.filter((each) => each !== entry);
    };
  }
}
