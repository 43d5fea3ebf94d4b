// Decides whether a CONNECT contains the last will. Without the right to publish it, AWS IoT Core refuses the whole CONNECT, which would keep
// every alert on the robot (github.com/aws/aws-iot-device-sdk-python-v2/issues/113).

import type { UplinkOptions } from './options.ts';
import { mayBeDenial } from './reasons.ts';
import { grantOf } from './rights.ts';

interface LastWillOptions extends Pick<UplinkOptions, 'host' | 'thing' | 'clock' | 'problems' | 'backoff'> {
  readonly topic: string;
}

/** After this many refused CONNECTs in a row, every second one is without the will. */
const REFUSALS = 2;

/** Longest wait before another CONNECT with a denied will. It costs a connection, so the wait doubles from the longest backoff. */
const LONGEST_WAIT_MS = 60 * 60_000;

/** The codes with which a broker of MQTT 3.1.1 refuses a CONNECT for lack of a right. Code 7 is IoT Core's. */
const NOT_AUTHORIZED: readonly unknown[] = [4, 5, 7];

const SUBJECT = 'last will';

export class LastWill {
  readonly #options: LastWillOptions;
  /** Refused CONNECTs since the last connection. */
  #refusals = 0;
  /** How often the broker refused the will and then accepted a CONNECT without it. */
  #denials = 0;
  #untilMs = 0;
  #isIncluded = true;

  constructor(options: LastWillOptions) {
    this.#options = options;
  }

  /** Decides for the next CONNECT. @returns whether it contains the will. */
  decide(): boolean {
    const isDoubted = this.#denials > 0 ? this.#refusals % 2 === 1 : this.#refusals >= REFUSALS && this.#refusals % 2 === 0;
    this.#isIncluded = this.#leftMs === 0 && !isDoubted;
    return this.#isIncluded;
  }

  /** Records that the broker refused the CONNECT, or closed the connection instead of the CONNACK. */
  refused(error: Error & { readonly reason?: unknown }): void {
    if (mayBeDenial(error) || NOT_AUTHORIZED.includes(error.reason)) this.#refusals++;
  }

  /**
   * Records that the broker accepted the CONNECT.
   * @returns if it was without the will: the time after which one with it is worth its cost, in milliseconds.
   */
  connected(): number | undefined {
    this.#refusals = 0;
    if (this.#isIncluded) {
      this.#denials = 0;
      this.#options.problems.clear('publish_refused', SUBJECT);
      return undefined;
    }
    if (this.#leftMs === 0) this.#denied();
    return this.#leftMs;
  }

  get #leftMs(): number {
    return Math.max(0, this.#untilMs - this.#options.clock.mono());
  }

  #denied(): void {
    const { problems, clock, backoff, topic, host, thing } = this.#options;
    this.#denials++;
    // The broker may have accepted this CONNECT for another reason, so the will is tried once more.
    if (this.#denials === 1) return;
    this.#untilMs = clock.mono() + Math.min(LONGEST_WAIT_MS, backoff.maxMs * 2 ** (this.#denials - 2));
    const cost = 'the cloud is not told when the robot loses its connection';
    const text = `the broker refuses to connect with a last will on ${topic}, so ${cost}; ${grantOf('publish', topic, host, thing)}`;
    problems.raise('publish_refused', text, SUBJECT);
  }
}
