// Hashes the passwords of users and issues their tokens.
import { type ChildProcess, fork } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { extname } from 'node:path';
import fastq from 'fastq';
import { jwtVerify, SignJWT } from 'jose';
import { HttpError } from '../http/index.ts';
import type { HashingTask } from './hashing.ts';

const BCRYPT_COST = 12;
/** bcrypt ignores all bytes after the 72nd, so the API refuses longer passwords. */
export const MAX_PASSWORD_BYTES = 72;
/** A hash takes 0.25 s, and one is computed at a time. A family logs in once a week, so more waiting requests come from guessing. */
const MAX_WAITING = 16;
const RETRY_AFTER_S = 5;
const TOKEN_LIFETIME_S = 7 * 24 * 3_600;
const ALGORITHM = 'HS256';

const HASHING = new URL(`./hashing${extname(import.meta.url)}`, import.meta.url);

/** Common to all, so that there is one process for all hashes, and it computes one at a time. */
const queue = fastq.promise(compute, 1);
let hasher: ChildProcess | null = null;

/**
 * bcrypt hashes, computed one at a time in a process of their own. A check of an unknown user takes as long, so timing does not reveal who is
 * registered.
 */
export class Passwords {
  readonly #cost: number;
  #unknownUsersHash: Promise<string> | null = null;

  /** @param cost the binary logarithm of the number of rounds. */
  constructor(cost = BCRYPT_COST) {
    this.#cost = cost;
  }

  /** @throws HttpError 503 if too many requests wait. */
  async hash(password: string): Promise<string> {
    return String(await this.#inTurn({ password, cost: this.#cost }));
  }

  /** @param hash null if the user does not exist. @param isKnown see `admit`. @throws HttpError 503 if too many requests wait. */
  async matches(password: string, hash: string | null, isKnown = false): Promise<boolean> {
    const isSame = await this.#inTurn({ password, hash: hash ?? (await this.prepare()) }, isKnown);
    return isSame === true && hash !== null;
  }

  /** Creates the hash for unknown users. Called at startup, so that the first check of an unknown user is not slower. */
  prepare(): Promise<string> {
    this.#unknownUsersHash ??= this.hash(randomBytes(32).toString('base64url'));
    return this.#unknownUsersHash;
  }

  /**
   * Called before an attempt is counted, so that a refusal for lack of time costs the caller no attempt.
   * @param isKnown whether the caller has logged in before. Strangers leave as many places again for such callers.
   * @throws HttpError 503
   */
  admit(isKnown = false): void {
    if (queue.length() < (isKnown ? 2 * MAX_WAITING : MAX_WAITING)) return;
    throw new HttpError(503, 'too many logins at the moment; try again later', RETRY_AFTER_S);
  }

  async #inTurn(task: HashingTask, isKnown = false): Promise<unknown> {
    this.admit(isKnown);
    return queue.push(task);
  }
}

/** A process that ends, for whatever reason, fails only this task: the next one starts another process. */
async function compute(task: HashingTask): Promise<unknown> {
  hasher ??= startHasher();
  const child = hasher;
  // Without a free file descriptor there is no channel.
  if (!child.connected) throw new Error('the process that hashes passwords did not start, or ended');
  const answered = new AbortController();
  // An idle process does not keep the cloud alive; one that computes does, also while it ends.
  child.ref();
  child.channel?.ref();
  try {
    const ended = once(child, 'exit', answered).then(([code, signal]) => {
      throw new Error(`the process that hashes passwords ended with ${String(signal ?? code)}`);
    });
    const answer = once(child, 'message', answered);
    child.send(task);
    const [result]: unknown[] = await Promise.race([answer, ended]);
    return result;
  } finally {
    answered.abort();
    child.channel?.unref();
    child.unref();
  }
}

function startHasher(): ChildProcess {
  const started = fork(HASHING, { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
  const forget = (): void => {
    if (hasher === started) hasher = null;
  };
  started.on('exit', forget).on('error', forget).unref();
  return started;
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

  /** @returns the user whom the token was issued to, even if it has expired; null if it is no token of this cloud. */
  async issuedTo(authorization: string | undefined): Promise<number | null> {
    const token = /^Bearer (.+)$/i.exec(authorization ?? '')?.[1] ?? '';
    // No token expires before 1970.
    const options = { algorithms: [ALGORITHM], currentDate: new Date(0) };
    const verified = await jwtVerify(token, this.#key, options).catch(() => null);
    return verified && Number(verified.payload.sub);
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
