// IoT Core takes 100 publishes a second and 512 KiB a second from a connection and discards what is beyond without a word
// (general/latest/gr/iot-core.html), so the robot stays below by itself. A token bucket: a second's worth may go at once. Pure.

export interface QuotaLimits {
  /** Null: no limit, for brokers that push back by themselves. */
  readonly messagesPerSecond: number | null;
  readonly bytesPerSecond: number | null;
}

export class Quota {
  readonly #limits: QuotaLimits;
  #messages: number;
  #bytes: number;
  #atMs: number;

  constructor(limits: QuotaLimits, nowMs: number) {
    this.#limits = limits;
    this.#messages = limits.messagesPerSecond ?? 0;
    this.#bytes = limits.bytesPerSecond ?? 0;
    this.#atMs = nowMs;
  }

  /** Milliseconds until the next message may go; 0 now. The size of a message is known only once it is built, so bytes may become negative. */
  waitMs(nowMs: number): number {
    this.#refill(nowMs);
    const { messagesPerSecond, bytesPerSecond } = this.#limits;
    const forMessages = messagesPerSecond === null || this.#messages >= 1 ? 0 : ((1 - this.#messages) * 1000) / messagesPerSecond;
    const forBytes = bytesPerSecond === null || this.#bytes > 0 ? 0 : ((1 - this.#bytes) * 1000) / bytesPerSecond;
    return Math.ceil(Math.max(forMessages, forBytes));
  }

  spend(bytes: number): void {
    this.#messages -= 1;
    this.#bytes -= bytes;
  }

  #refill(nowMs: number): void {
    const seconds = (nowMs - this.#atMs) / 1000;
    this.#atMs = nowMs;
    const { messagesPerSecond, bytesPerSecond } = this.#limits;
    this.#messages = Math.min(messagesPerSecond ?? 0, this.#messages + seconds * (messagesPerSecond ?? 0));
    this.#bytes = Math.min(bytesPerSecond ?? 0, this.#bytes + seconds * (bytesPerSecond ?? 0));
  }
}
