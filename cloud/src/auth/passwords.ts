// Passwords as bcrypt hashes, made and compared off the event loop. A check for an unknown user takes as long as for a known user,
// so that the time does not tell who is registered.
import { randomBytes } from 'node:crypto';
import bcrypt from 'bcrypt';

export const BCRYPT_COST = 12;

/** bcrypt ignores the bytes after these, so a longer password is refused. */
export const MAX_PASSWORD_BYTES = 72;

export class Passwords {
  readonly #cost: number;
  #unknownUsersHash: Promise<string> | null = null;

  /** @param cost the binary logarithm of the number of rounds. */
  constructor(cost = BCRYPT_COST) {
    this.#cost = cost;
  }

  hash(password: string): Promise<string> {
    return bcrypt.hash(password, this.#cost);
  }

  /** @param hash null if there is no such user. */
  async matches(password: string, hash: string | null): Promise<boolean> {
    const same = await bcrypt.compare(password, hash ?? (await this.prepare()));
    return same && hash !== null;
  }

  /** Makes the hash for unknown users. Called at start, so that the first check of an unknown user does not take longer either. */
  prepare(): Promise<string> {
    this.#unknownUsersHash ??= this.hash(randomBytes(32).toString('base64url'));
    return this.#unknownUsersHash;
  }
}
