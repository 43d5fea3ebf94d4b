// Runs one job at a time for all cameras: pictures before clips, otherwise in order.

interface Job {
  readonly urgent: boolean;
  readonly begin: () => Promise<void>;
}

export class Jobs {
  readonly #waiting: Job[] = [];
  #running = false;

  /** Settles like `work`, after its turn came. */
  run<T>(work: () => Promise<T>, urgent: boolean): Promise<T> {
    return new Promise((resolve, reject) => {
      const begin = () => work().then(resolve, reject);
      const behind = urgent ? this.#waiting.findIndex((job) => !job.urgent) : -1;
      this.#waiting.splice(behind === -1 ? this.#waiting.length : behind, 0, { urgent, begin });
      if (!this.#running) void this.#drain();
    });
  }

  async #drain(): Promise<void> {
    this.#running = true;
    for (let job = this.#waiting.shift(); job; job = this.#waiting.shift()) await job.begin();
    this.#running = false;
  }
}
