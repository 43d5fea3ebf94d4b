// Which robot a request comes from. It signs a token with its own X.509 key; the cloud knows its certificates by fingerprint, or,
// where a CA of devices is set, believes a certificate of that CA that carries the thing's name. A token is good once, for at most
// 5 minutes; a revoked certificate is never good again, whatever its chain says.
import { X509Certificate } from 'node:crypto';
import { decodeProtectedHeader, type JWTPayload, jwtVerify, type ProtectedHeaderParameters } from 'jose';
import { thingName } from '../../../src/wire/index.ts';
import type { Database } from '../database/index.ts';
import { HttpError } from '../http/index.ts';
import { chainProblem, fingerprintOf } from './certificates.ts';
import { bearerOf } from './tokens.ts';

/** The longest lifetime of a token (docs/reference/protocol.md, Device authentication). */
export const DEVICE_TOKEN_LIFETIME_S = 300;
/** A robot's clock may be off by this much. A robot that is further off corrects its clock by the answer's Date. */
export const CLOCK_SKEW_S = 120;
/** An x5c with more certificates is refused. */
const MAX_CHAIN = 5;
const ALGORITHMS = ['ES256', 'RS256'];
/** Size of the cache of parsed certificates: parsing one and preparing its key takes longer than the rest of a check. */
const KEPT_CERTIFICATES = 1_000;
const JTI = /^[\x21-\x7e]{8,128}$/;

/** The signer according to the database. */
interface Standing {
  readonly thing: string | null;
  readonly isRevoked: boolean;
  /** Whether the token was not used before. */
  readonly isFresh: boolean;
}

export interface DevicesOptions {
  readonly db: Database;
  /** The `aud` of a token: PUBLIC_ORIGIN. */
  readonly audience: () => string;
  /** The CA of DEVICE_CA; null: only known fingerprints count. */
  readonly ca: X509Certificate | null;
  readonly nowMs?: () => number;
}

interface Claimed {
  readonly fingerprint: string;
  readonly certificate: X509Certificate;
  /** The thing name in the certificate, if only its chain proves it; else null. */
  readonly named: string | null;
}

export class Devices {
  readonly #options: DevicesOptions;
  /** Known ones, by fingerprint: what the database says of one counts each time, what is in it never changes. */
  readonly #read = new Map<string, X509Certificate>();

  constructor(options: DevicesOptions) {
    this.#options = options;
  }

  /** @returns the thing's name. @throws HttpError 401 with what is wrong. */
  async authenticate(authorization: string | undefined): Promise<string> {
    const token = bearerOf(authorization);
    const claimed = await this.#claimed(headerOf(token));
    const payload = await this.#verify(token, claimed.certificate);
    const { jti = '' } = payload;
    if (!JTI.test(jti)) throw refused('jti must be 8 to 128 printable characters');
    const { thing, isRevoked, isFresh } = await this.#consume(claimed, jti, (payload.exp ?? 0) + CLOCK_SKEW_S);
    if (isRevoked) throw refused('this certificate is revoked');
    if (thing === null) throw unknown();
    if (payload.iss !== thing || payload.sub !== thing) throw refused(`iss and sub must be ${thing}, whose certificate this is`);
    if (!isFresh) throw refused('this token was used before; sign a new one');
    return thing;
  }

  /** Deletes the used tokens that can't be replayed any more. */
  async forget(): Promise<void> {
    await this.#options.db.query(`delete from device_tokens where forget_at < clock_timestamp() - interval '10 minutes'`);
  }

  async #claimed(header: ProtectedHeaderParameters): Promise<Claimed> {
    const named = header['x5t#S256'];
    const sent = chainFrom(header.x5c);
    const leaf = sent?.[0];
    const fingerprint = leaf ? fingerprintOf(leaf) : named;
    if (typeof fingerprint !== 'string') throw refused('the header must name the certificate: x5t#S256');
    if (named !== undefined && named !== fingerprint) throw refused('x5t#S256 is not the fingerprint of the first certificate in x5c');
    const known = this.#read.get(fingerprint) ?? (await this.#readCertificate(fingerprint));
    if (known) return { fingerprint, certificate: known, named: null };
    if (!leaf || !sent || !this.#options.ca) throw unknown();
    const problem = chainProblem(sent, this.#options.ca, this.#nowMs());
    if (problem) throw refused(problem);
    const { CN: name } = leaf.toLegacyObject().subject as { CN?: unknown };
    if (!thingName.safeParse(name).success) throw refused('the CN of this certificate is no thing');
    return { fingerprint, certificate: leaf, named: String(name) };
  }

  async #readCertificate(fingerprint: string): Promise<X509Certificate | undefined> {
    const [known] = await this.#options.db.query<{ certificate: string }>(
      'select certificate from device_certificates where fingerprint = $1',
      [fingerprint],
    );
    if (!known) return undefined;
    const certificate = new X509Certificate(known.certificate);
    if (this.#read.size >= KEPT_CERTIFICATES) this.#read.clear();
    this.#read.set(fingerprint, certificate);
    return certificate;
  }

  /** Marks a token with a good signature as used. One statement, because somebody waits for the picture of an incident. */
  async #consume({ fingerprint, named }: Claimed, jti: string, forgetAtS: number): Promise<Standing> {
    const [standing] = await this.#options.db.query<Standing>(
      `with device as (select thing, revoked_at is not null as revoked from device_certificates where fingerprint = $1),
        holder as (select coalesce((select thing from device), $2) as thing, coalesce((select revoked from device), false) as revoked),
        used as (insert into device_tokens (thing, jti, forget_at) select thing, $3, to_timestamp($4) from holder
          where thing is not null and not revoked on conflict do nothing returning jti)
      select thing, revoked as "isRevoked", exists (select from used) as "isFresh" from holder`,
      [fingerprint, named, jti, forgetAtS],
    );
    if (!standing) throw new Error('the database gave back no row');
    return standing;
  }

  async #verify(token: string, { publicKey, validFrom, validTo }: X509Certificate): Promise<JWTPayload> {
    const nowMs = this.#nowMs();
    if (nowMs < Date.parse(validFrom) || nowMs > Date.parse(validTo))
      throw refused(`this certificate is good from ${validFrom} to ${validTo}`);
    try {
      const { payload } = await jwtVerify(token, publicKey, {
        algorithms: ALGORITHMS,
        audience: this.#options.audience(),
        requiredClaims: ['iss', 'sub', 'exp', 'jti'],
        clockTolerance: CLOCK_SKEW_S,
        currentDate: new Date(nowMs),
      });
      const longestS = nowMs / 1_000 + DEVICE_TOKEN_LIFETIME_S + CLOCK_SKEW_S;
      if ((payload.exp ?? Number.POSITIVE_INFINITY) > longestS) throw refused('exp is too far ahead: at most 5 minutes');
      return payload;
    } catch (error) {
      if (error instanceof HttpError) throw error;
      throw refused('the token is not valid: signature, algorithm, aud or exp');
    }
  }

  #nowMs(): number {
    return this.#options.nowMs?.() ?? Date.now();
  }
}

function headerOf(token: string): ProtectedHeaderParameters {
  try {
    return decodeProtectedHeader(token);
  } catch {
    throw refused('this is no JWT');
  }
}

function chainFrom(x5c: unknown): X509Certificate[] | null {
  if (x5c === undefined) return null;
  if (!Array.isArray(x5c) || x5c.length === 0 || x5c.length > MAX_CHAIN) throw refused(`x5c: expected 1 to ${MAX_CHAIN} certificates`);
  try {
    return x5c.map((one) => new X509Certificate(Buffer.from(String(one), 'base64')));
  } catch {
    throw refused('x5c: expected certificates, DER in base64');
  }
}

function unknown(): HttpError {
  return refused('this certificate is not known here: elderly-bot-cloud device add');
}

function refused(why: string): HttpError {
  return new HttpError(401, why);
}
