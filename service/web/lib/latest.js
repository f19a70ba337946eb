/** Runs a task for the latest input: while it runs, only the last input submitted stays in the queue. */
export class Latest {
  #task;
  #isRunning = false;
  #next = null;

  constructor(task) {
    this.#task = task;
  }

  /** Submit an input; resolve once the queue is empty, or at once while another input is processed. */
  async submit(input) {
    this.#next = { input };
    if (this.#isRunning) return;
    this.#isRunning = true;
    try {
      while (this.#next) {
        const { input: latest } = this.#next;
        this.#next = null;
        await this.#task(latest);
      }
    } finally {
      this.#isRunning = false;
    }
  }
}
