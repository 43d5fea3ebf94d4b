// Stores the family keys in a small file of the state directory. A program that reads them notices each change, so pairing and revocation
// take effect at once. If the file is damaged, no key counts.
import { statSync } from 'node:fs';
import { join } from 'node:path';
import * as z from 'zod';
import { codeOf, messageOf, parseJson, readSmallFile, replaceFile } from '../base/index.ts';
import { type FamilyKey, fingerprintOf, type PresentedKey, presentedKey, publicKeyOf } from './familyKey.ts';

export const FAMILY_KEYS_FILE = 'family-keys.json';

/** Enough for a family and its helpers. It bounds the file that is read for each signed command. */
const MOST_KEYS = 32;

export const keyName = z
  .string()
  .min(1)
  .max(60)
  .regex(/^[^\p{C}\p{Zl}\p{Zp}]*$/u, 'expected no control characters');

const schema = z.strictObject({
  version: z.literal(1),
  keys: z.array(presentedKey.extend({ name: keyName, paired_at: z.int().min(0) })).max(MOST_KEYS),
});

export interface PairedKeys {
  readonly keys: readonly FamilyKey[];
  /** Why the file cannot be used. Undefined if it is usable or does not exist. */
  readonly damage: string | undefined;
}

const NONE: PairedKeys = { keys: [], damage: undefined };

export class FamilyKeys {
  readonly file: string;
  #state: string | undefined;
  #paired: PairedKeys = NONE;

  constructor(stateDir: string) {
    this.file = join(stateDir, FAMILY_KEYS_FILE);
  }

  /** Reads the file if it has changed since the last call. */
  read(): PairedKeys {
    try {
      const { ino, mtimeMs, ctimeMs, size } = statSync(this.file);
      const state = [ino, mtimeMs, ctimeMs, size].join();
      if (state !== this.#state) [this.#paired, this.#state] = [this.#load(), state];
    } catch (error) {
      this.#state = undefined;
      this.#paired = codeOf(error) === 'ENOENT' ? NONE : damaged(`it can’t be read: ${messageOf(error)}`);
    }
    return this.#paired;
  }

  /** Pins a key. A key that is already paired gets the new name. @throws Error if the file is damaged, is full or cannot be written */
  add(key: PresentedKey, name: string, nowMs: number): FamilyKey {
    const kid = fingerprintOf(key);
    const others = this.#usable().filter((each) => each.kid !== kid);
    if (others.length >= MOST_KEYS) throw new Error(`${MOST_KEYS} keys are paired already; revoke one first`);
    const added: FamilyKey = { ...key, kid, name, paired_at: nowMs, publicKey: publicKeyOf(key) };
    this.#write([...others, added]);
    return added;
  }

  /** @throws Error if the file is damaged or cannot be written */
  revoke(kid: string): void {
    this.#write(this.#usable().filter((each) => each.kid !== kid));
  }

  #usable(): readonly FamilyKey[] {
    const { keys, damage } = this.read();
    if (damage !== undefined) throw new Error(`${this.file}: ${damage}`);
    return keys;
  }

  #load(): PairedKeys {
    const { text, mode } = readSmallFile(this.file);
    if ((mode & 0o022) !== 0) return damaged(`others may write it (mode ${mode.toString(8)})`);
    const { data, error } = schema.safeParse(parseJson(text));
    if (!data) return damaged(`its content is not valid: ${error.issues[0]?.path.join('.')} ${error.issues[0]?.message}`);
    const keys = data.keys.map((key): FamilyKey => ({ ...key, kid: fingerprintOf(key), publicKey: publicKeyOf(key) }));
    return { keys, damage: undefined };
  }

  #write(keys: readonly FamilyKey[]): void {
    const stored = keys.map(({ name, paired_at, jwk, webauthn }) => ({ name, paired_at, jwk, ...(webauthn ? { webauthn } : {}) }));
    replaceFile(this.file, `${JSON.stringify({ version: 1, keys: stored } satisfies z.infer<typeof schema>)}\n`);
  }
}

function damaged(damage: string): PairedKeys {
  return { keys: [], damage };
}
