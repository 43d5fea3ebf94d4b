// Hashes the passwords of users and issues their tokens.
import { randomBytes } from 'node:crypto';
import bcrypt from 'bcrypt';
import fastq from 'fastq';
import { jwtVerify, SignJWT } from 'jose';
import { HttpError } from '../http/index.ts';

const BCRYPT_COST = 12;
/** bcrypt ignores all bytes after the 72nd, so the API refuses longer passwords. */
export const MAX_PASSWORD_BYTES = 72;
/**
 * At most one hash is computed at a time, because a hash occupies a core for 0.25 s and one of the four threads that the ingest also needs, for
 * zlib. A family logs in once a week. More than this many waiting requests come from guessing.
 */
const MAX_WAITING = 16;
const RETRY_AFTER_S = 5;
const TOKEN_LIFETIME_S = 7 * 24 * 3_600;
const ALGORITHM = 'HS256';

/** bcrypt hashes, computed off the event loop, one at a time. A check of an unknown user takes as long, so timing does not reveal who is registered. */
export class Passwords {
  readonly #cost: number;
  readonly #queue = fastq.promise((work: () => Promise<unknown>) => work(), 1);
  #unknownUsersHash: Promise<string> | null = null;

  /** @param cost the binary logarithm of the number of rounds. */
  constructor(cost = BCRYPT_COST) {
    this.#cost = cost;
  }

  /** @throws HttpError 503 if too many requests wait. */
  async hash(password: string): Promise<string> {
    let hash = '';
    await this.#inTurn(async () => {
      hash = await bcrypt.hash(password, this.#cost);
    });
    return hash;
  }

  /** @param hash null if the user does not exist. @throws HttpError 503 if too many requests wait. */
  async matches(password: string, hash: string | null): Promise<boolean> {
    const compared = hash ?? (await this.prepare());
    let isSame = false;
    await this.#inTurn(async () => {
      isSame = await bcrypt.compare(password, compared);
    });
    return isSame && hash !== null;
  }

  /** Creates the hash for unknown users. Called at startup, so that the first check of an unknown user is not slower. */
  prepare(): Promise<string> {
    this.#unknownUsersHash ??= this.hash(randomBytes(32).toString('base64url'));
    return this.#unknownUsersHash;
  }

  async #inTurn(work: () => Promise<void>): Promise<void> {
    if (this.#queue.length() >= MAX_WAITING) throw new HttpError(503, 'too many logins at the moment; try again later', RETRY_AFTER_S);
    await this.#queue.push(work);
  }
}

export interface Bearer {
  readonly userId: number;
  /** Milliseconds since 1970. */
  readonly expiresMs: number;
}

/** JWTs (HS256) that contain only the user's id and the expiry time. */
export class Tokens {
  readonly #key: Uint8Array;

  /** @param secretKey at least 32 characters. */
  constructor(secretKey: string) {
    this.#key = new TextEncoder().encode(secretKey);
  }

  issue(userId: number, nowMs = Date.now()): Promise<string> {
    const nowS = Math.floor(nowMs / 1_000);
    return new SignJWT()
      .setProtectedHeader({ alg: ALGORITHM, typ: 'JWT' })
      .setSubject(String(userId))
      .setIssuedAt(nowS)
      .setExpirationTime(nowS + TOKEN_LIFETIME_S)
      .sign(this.#key);
  }

  /** @throws HttpError 401. */
  async verify(authorization: string | undefined): Promise<Bearer> {
    const token = bearerOf(authorization);
    try {
      const { payload } = await jwtVerify(token, this.#key, { algorithms: [ALGORITHM], requiredClaims: ['sub', 'exp', 'iat'] });
      if (!/^[1-9]\d{0,9}$/.test(payload.sub ?? '')) throw new Error('sub is not the id of a user');
      return { userId: Number(payload.sub), expiresMs: Number(payload.exp) * 1_000 };
    } catch (error) {
      const expired = (error as { code?: unknown }).code === 'ERR_JWT_EXPIRED';
      throw new HttpError(401, expired ? 'the token has expired; log in again' : 'the token is not valid; log in again');
    }
  }
}

/** @throws HttpError 401 if the header has no bearer token. */
export function bearerOf(authorization: string | undefined): string {
  const token = /^Bearer ([A-Za-z0-9._~+/=-]+)$/i.exec(authorization ?? '')?.[1];
  if (!token) throw new HttpError(401, 'send a token: Authorization: Bearer <token>');
  return token;
}
