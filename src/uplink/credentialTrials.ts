// The credentials of the connections. New credentials are tried by the next connection that the robot needs anyway, because two connections
// with one client id end each other. They replace the old ones after they have connected, subscribed and published.
import type { Credentials } from '../identity/index.ts';
import type { ClockView } from './causes.ts';
import { type Proof, whyNot } from './prove.ts';
import { ConnectError } from './session.ts';

export type TrialStep = 'connect' | 'subscribe' | 'publish';

/** One pair of credentials on trial. */
export interface CredentialTrial {
  readonly credentials: Credentials;
  readonly finish: (proof: Proof) => void;
}

export class CredentialTrials {
  readonly #clock: () => ClockView;
  #current: Credentials;
  #running: CredentialTrial | undefined;

  constructor(credentials: Credentials, clock: () => ClockView) {
    this.#current = credentials;
    this.#clock = clock;
  }

  /** The credentials that last passed. */
  get current(): Credentials {
    return this.#current;
  }

  /** The trial of the next connection, or of the present one. */
  get running(): CredentialTrial | undefined {
    return this.#running;
  }

  begin(credentials: Credentials): Promise<Proof> {
    this.abandon('others were to be tried before it came to that');
    return new Promise((resolve) => {
      this.#running = { credentials, finish: resolve };
    });
  }

  /** Ends this trial; ignored if it is not the running one. @returns true if the trial failed: its connection is then of no use. */
  end(trial: CredentialTrial, step: TrialStep, error: unknown): boolean {
    if (trial !== this.#running) return false;
    this.#running = undefined;
    if (error === undefined) {
      this.#current = trial.credentials;
      trial.finish({ works: true });
      return false;
    }
    this.#fail(trial, step, error);
    return true;
  }

  /** Resolves the proof of a trial that will not be made. */
  abandon(why: string): void {
    if (this.#running) this.#fail(this.#running, 'connect', new ConnectError(why, undefined));
  }

  #fail(trial: CredentialTrial, step: TrialStep, error: unknown): void {
    trial.finish({ works: false, step, ...whyNot(error, this.#clock(), trial.credentials) });
  }
}
