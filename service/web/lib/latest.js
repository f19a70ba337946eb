/** Runs a task for the latest input only: one is running, at most one waits, the rest is dropped. */
export class Latest {
  #task;
  #running = false;
  #waiting = null;

  constructor(task) {
    this.#task = task;
  }

  /** Resolves once nothing runs or waits any more. */
  async submit(input) {
    this.#waiting = { input };
    if (this.#running) return;
    this.#running = true;
    try {
      while (this.#waiting) {
        const next = this.#waiting.input;
        this.#waiting = null;
        await this.#task(next);
      }
    } finally {
      this.#running = false;
    }
  }
}
