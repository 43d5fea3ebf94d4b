// Authenticates robots. A robot signs a token with the key of its X.509 certificate. The cloud looks up the certificate by its fingerprint.
// If DEVICE_CA is set, the cloud also accepts an unknown certificate of that CA and reads the thing name from it. A token is accepted once,
// for at most 5 minutes. A revoked certificate is never accepted, even with a valid chain.
import { X509Certificate } from 'node:crypto';
import { decodeProtectedHeader, type JWTPayload, jwtVerify, type ProtectedHeaderParameters } from 'jose';
import { thingName } from '../../../src/wire/index.ts';
import type { Database } from '../database/index.ts';
import { HttpError } from '../http/index.ts';
import { chainFault, DEVICE_ALGORITHMS, fingerprintOf, isValidAt } from './certificates.ts';
import { bearerOf } from './credentials.ts';

/** The longest lifetime of a token (docs/reference/protocol.md, Device authentication). */
const DEVICE_TOKEN_LIFETIME_S = 300;
/** Tolerated error of a robot's clock. A robot with a larger error corrects its clock by the Date header of the answer. */
const CLOCK_SKEW_S = 120;
/** Maximum number of certificates in x5c. */
const MAX_CHAIN = 5;
/** Size of the cache of parsed certificates. Parsing a certificate and its key takes longer than the rest of an authentication. */
const KEPT_CERTIFICATES = 1_000;
const JTI = /^[\x21-\x7e]{8,128}$/;

export interface DevicesOptions {
  readonly db: Database;
  /** The `aud` of a token: PUBLIC_ORIGIN. */
  readonly audience: () => string;
  /** The CA of DEVICE_CA. If it is null, only known fingerprints are accepted. */
  readonly ca: X509Certificate | null;
  readonly nowMs?: () => number;
}

/** The certificate that a token claims to be signed with. */
interface Signer {
  readonly fingerprint: string;
  readonly certificate: X509Certificate;
  /** The thing name in the certificate if only its chain proves it, else null. */
  readonly chainThing: string | null;
}

/** The signer and the token according to the database. */
interface Consumed {
  readonly thing: string | null;
  readonly isRevoked: boolean;
  /** False if the token was used before. */
  readonly isFresh: boolean;
}

export class Devices {
  readonly #options: DevicesOptions;
  /** Known certificates by fingerprint. A cached certificate can still be revoked, so each request asks the database for that. */
  readonly #certificates = new Map<string, X509Certificate>();
  readonly #nowMs: () => number;

  constructor(options: DevicesOptions) {
    this.#options = options;
    this.#nowMs = options.nowMs ?? Date.now;
  }

  /** @returns the thing's name. @throws HttpError 401 with the reason. */
  async authenticate(authorization: string | undefined): Promise<string> {
    const token = bearerOf(authorization);
    const signer = await this.#signerOf(headerOf(token));
    const payload = await this.#verify(token, signer.certificate);
    const { jti = '' } = payload;
    if (!JTI.test(jti)) throw refused('jti must be 8 to 128 printable characters');
    const { thing, isRevoked, isFresh } = await this.#consume(signer, jti, (payload.exp ?? 0) + CLOCK_SKEW_S);
    if (isRevoked) throw refused('this certificate is revoked');
    if (thing === null) throw unknown();
    if (payload.iss !== thing || payload.sub !== thing) throw refused(`iss and sub must be ${thing}, the owner of this certificate`);
    if (!isFresh) throw refused('this token was used before; sign a new one');
    return thing;
  }

  /** Deletes used tokens that have expired, because they cannot be replayed. */
  async forget(): Promise<void> {
    await this.#options.db.query(`delete from device_tokens where forget_at < clock_timestamp() - interval '10 minutes'`);
  }

  async #signerOf(header: ProtectedHeaderParameters): Promise<Signer> {
    const named = header['x5t#S256'];
    const chain = chainFrom(header.x5c);
    const leaf = chain?.[0];
    const fingerprint = leaf ? fingerprintOf(leaf) : named;
    if (typeof fingerprint !== 'string') throw refused('the header must name the certificate: x5t#S256');
    if (named !== undefined && named !== fingerprint) throw refused('x5t#S256 is not the fingerprint of the first certificate in x5c');
    const known = this.#certificates.get(fingerprint) ?? (await this.#readCertificate(fingerprint));
    if (known) return { fingerprint, certificate: known, chainThing: null };
    if (!leaf || !chain || !this.#options.ca) throw unknown();
    const fault = chainFault(chain, this.#options.ca, this.#nowMs());
    if (fault) throw refused(fault);
    const { CN: name } = leaf.toLegacyObject().subject as { CN?: unknown };
    if (!thingName.safeParse(name).success) throw refused('the CN of this certificate is not a valid thing name');
    return { fingerprint, certificate: leaf, chainThing: String(name) };
  }

  async #readCertificate(fingerprint: string): Promise<X509Certificate | undefined> {
    const [known] = await this.#options.db.query<{ certificate: string }>(
      'select certificate from device_certificates where fingerprint = $1',
      [fingerprint],
    );
    if (!known) return undefined;
    const certificate = new X509Certificate(known.certificate);
    if (this.#certificates.size >= KEPT_CERTIFICATES) this.#certificates.clear();
    this.#certificates.set(fingerprint, certificate);
    return certificate;
  }

  /** Marks a token as used, once its signature has been verified. A single statement keeps the upload of an incident's picture fast. */
  async #consume({ fingerprint, chainThing }: Signer, jti: string, forgetAtS: number): Promise<Consumed> {
    const [consumed] = await this.#options.db.query<Consumed>(
      `with device as (select thing, revoked_at is not null as revoked from device_certificates where fingerprint = $1),
        holder as (select coalesce((select thing from device), $2) as thing, coalesce((select revoked from device), false) as revoked),
        used as (insert into device_tokens (thing, jti, forget_at) select thing, $3, to_timestamp($4) from holder
          where thing is not null and not revoked on conflict do nothing returning jti)
      select thing, revoked as "isRevoked", exists (select from used) as "isFresh" from holder`,
      [fingerprint, chainThing, jti, forgetAtS],
    );
    if (!consumed) throw new Error('the database returned no row');
    return consumed;
  }

  async #verify(token: string, certificate: X509Certificate): Promise<JWTPayload> {
    const nowMs = this.#nowMs();
    if (!isValidAt(certificate, nowMs)) throw refused(`this certificate is valid from ${certificate.validFrom} to ${certificate.validTo}`);
    try {
      const { payload } = await jwtVerify(token, certificate.publicKey, {
        algorithms: DEVICE_ALGORITHMS,
        audience: this.#options.audience(),
        requiredClaims: ['iss', 'sub', 'exp', 'jti'],
        clockTolerance: CLOCK_SKEW_S,
        currentDate: new Date(nowMs),
      });
      const latestS = nowMs / 1_000 + DEVICE_TOKEN_LIFETIME_S + CLOCK_SKEW_S;
      if ((payload.exp ?? Number.POSITIVE_INFINITY) > latestS) throw refused('exp is too far ahead; the limit is 5 minutes');
      return payload;
    } catch (error) {
      if (error instanceof HttpError) throw error;
      throw refused('the token is not valid: signature, algorithm, aud or exp');
    }
  }
}

function headerOf(token: string): ProtectedHeaderParameters {
  try {
    return decodeProtectedHeader(token);
  } catch {
    throw refused('this token is not a JWT');
  }
}

function chainFrom(x5c: unknown): X509Certificate[] | null {
  if (x5c === undefined) return null;
  if (!Array.isArray(x5c) || x5c.length === 0 || x5c.length > MAX_CHAIN) throw refused(`x5c: expected 1 to ${MAX_CHAIN} certificates`);
  try {
    return x5c.map((certificate) => new X509Certificate(Buffer.from(String(certificate), 'base64')));
  } catch {
    throw refused('x5c: expected certificates, DER in base64');
  }
}

function unknown(): HttpError {
  return refused('the cloud does not know this certificate; add it with elderly-bot-cloud device add');
}

function refused(reason: string): HttpError {
  return new HttpError(401, reason);
}
