// Other credentials, tried by the connection that the robot needs anyway: two connections of one name would throw each other off.
import type { Credentials } from '../identity/index.ts';
import type { ClockView } from './causes.ts';
import { type Proof, whyNot } from './prove.ts';

export class Trial {
  readonly credentials: Credentials;
  readonly proof: Promise<Proof>;
  #settle: (proof: Proof) => void = () => {};

  constructor(credentials: Credentials) {
    this.credentials = credentials;
    this.proof = new Promise((resolve) => {
      this.#settle = resolve;
    });
  }

  pass(): void {
    this.#settle({ works: true });
  }

  fail(step: 'connect' | 'subscribe' | 'publish', error: unknown, clock: ClockView): void {
    this.#settle({ works: false, step, ...whyNot(error, clock, this.credentials) });
  }
}
