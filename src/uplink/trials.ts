// The credentials that connections are made with. Others are tried by the next connection, one pair at a time, and stay only when they
// have connected, subscribed and published.
import type { Credentials } from '../identity/index.ts';
import type { ClockView } from './causes.ts';
import type { Proof } from './prove.ts';
import { ConnectError } from './session.ts';
import { Trial } from './trial.ts';

export class Trials {
  readonly #clock: () => ClockView;
  #current: Credentials;
  #running: Trial | undefined;

  constructor(credentials: Credentials, clock: () => ClockView) {
    this.#current = credentials;
    this.#clock = clock;
  }

  /** Those that last did all that they must. */
  get current(): Credentials {
    return this.#current;
  }

  /** The trial of the next connection, or of this one. */
  get running(): Trial | undefined {
    return this.#running;
  }

  begin(credentials: Credentials): Promise<Proof> {
    this.abandon('others were to be tried before it came to that');
    this.#running = new Trial(credentials);
    return this.#running.proof;
  }

  /** Of the trial that runs, and of no other. @returns whether it failed, so that its connection is of no use. */
  end(trial: Trial, step: 'connect' | 'subscribe' | 'publish', error: unknown): boolean {
    if (trial !== this.#running) return false;
    this.#running = undefined;
    if (error === undefined) {
      this.#current = trial.credentials;
      trial.pass();
      return false;
    }
    trial.fail(step, error, this.#clock());
    return true;
  }

  /** Answers whoever waits for a trial that nothing came of. */
  abandon(why: string): void {
    this.#running?.fail('connect', new ConnectError(why, undefined), this.#clock());
  }
}
