// Passwords as bcrypt hashes, made and compared off the event loop. Comparing with nobody's password takes as long as with
// somebody's, so that time does not tell who is registered.
import { randomBytes } from 'node:crypto';
import bcrypt from 'bcrypt';

export const BCRYPT_COST = 12;

/** bcrypt reads no further, so what is longer would be cut in silence. */
export const MAX_PASSWORD_BYTES = 72;

export class Passwords {
  readonly #cost: number;
  #nobodys: Promise<string> | null = null;

  /** @param cost 2 to the power of it are the rounds. */
  constructor(cost = BCRYPT_COST) {
    this.#cost = cost;
  }

  hash(password: string): Promise<string> {
    return bcrypt.hash(password, this.#cost);
  }

  /** @param hash null where there is no such user. */
  async matches(password: string, hash: string | null): Promise<boolean> {
    const same = await bcrypt.compare(password, hash ?? (await this.prepare()));
    return same && hash !== null;
  }

  /** Makes the hash that unknown users are compared with; called at the start, so that not even the first of them takes longer. */
  prepare(): Promise<string> {
    this.#nobodys ??= this.hash(randomBytes(32).toString('base64url'));
    return this.#nobodys;
  }
}
