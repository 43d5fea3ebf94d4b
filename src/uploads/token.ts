// Signs tokens for the cloud's API with the key of the robot's certificate. A token can be used once, within minutes
// (docs/reference/protocol.md, Device authentication). Its expiry is based on the cloud's time once that is known, so that the robot can
// upload pictures even if its clock is wrong.
import { createHash, createPrivateKey, type KeyObject, randomUUID, X509Certificate } from 'node:crypto';
import type { Clock } from '../clock/index.ts';

export interface DeviceTokensOptions {
  readonly thing: string;
  /** The certificate with its chain, and its key, in PEM. They are read for every token, because the certificate may be renewed. */
  readonly credentials: { readonly cert: string; readonly key: string };
  /** The API's origin. */
  readonly audience: string;
  readonly clock: Pick<Clock, 'wall' | 'mono'>;
}

/** The cloud accepts at most 5 minutes. */
const LIFETIME_S = 240;
/** How old a prepared token may be when it is used. Half of its lifetime then remains for a slow transfer or a wrong clock. */
const MAX_PREPARED_AGE_MS = (LIFETIME_S / 2) * 1_000;
/** How often to prepare a token, so that there is always a usable one. */
export const PREPARE_EVERY_MS = MAX_PREPARED_AGE_MS / 2;

const PEM = /-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g;

/** Parsed credentials, cached until they change. */
interface Signer {
  readonly cert: string;
  readonly key: string;
  readonly privateKey: KeyObject;
  readonly fingerprint: string;
  /** The certificates as Base64 DER. As they exceed a kilobyte, they are only sent if the cloud does not know the fingerprint. */
  readonly chain: string[];
}

export class DeviceTokens {
  readonly #options: DeviceTokensOptions;
  /** The cloud's time when the monotonic clock was 0. Unlike an offset from the wall clock, it stays valid if that clock is set. */
  #cloudAtZeroMs: number | undefined;
  #isChainSent = false;
  #signer: Signer | undefined;
  #prepared: { readonly token: Promise<string>; readonly madeMs: number; readonly cert: string } | undefined;

  constructor(options: DeviceTokensOptions) {
    this.#options = options;
  }

  /** How far the cloud's clock is ahead of the robot's, in milliseconds; undefined until the cloud's time is known. */
  get aheadMs(): number | undefined {
    const { clock } = this.#options;
    return this.#cloudAtZeroMs === undefined ? undefined : this.#cloudAtZeroMs + clock.mono() - clock.wall();
  }

  /** Sets the cloud's time, which later tokens use. @param date the `Date` header of the cloud's answer. */
  setTime(date: string | undefined): void {
    this.#prepared = undefined;
    const cloudMs = Date.parse(date ?? '');
    if (Number.isFinite(cloudMs)) this.#cloudAtZeroMs = cloudMs - this.#options.clock.mono();
  }

  /** Adds the certificate chain to later tokens. Call this if the cloud has refused a token that contains only the fingerprint. */
  sendChain(): void {
    this.#prepared = undefined;
    this.#isChainSent = true;
  }

  /** Signs the next token in advance unless there is a recent one, because signing would delay the picture of a fall. */
  prepare(): void {
    if (this.#age() < PREPARE_EVERY_MS) return;
    const token = this.#make();
    // Prevent an unhandled rejection. The caller of `sign` gets the error.
    token.catch(() => {});
    this.#prepared = { token, madeMs: this.#options.clock.mono(), cert: this.#options.credentials.cert };
  }

  sign(): Promise<string> {
    const token = this.#age() < MAX_PREPARED_AGE_MS ? this.#prepared?.token : undefined;
    this.#prepared = undefined;
    return token ?? this.#make();
  }

  /** Milliseconds since the token was prepared; infinite if there is no token, or only one for an earlier certificate. */
  #age(): number {
    const { clock, credentials } = this.#options;
    return this.#prepared?.cert === credentials.cert ? clock.mono() - this.#prepared.madeMs : Number.POSITIVE_INFINITY;
  }

  async #make(): Promise<string> {
    const { thing, credentials, audience, clock } = this.#options;
    const expiresS = Math.floor((clock.wall() + (this.aheadMs ?? 0)) / 1_000) + LIFETIME_S;
    const { SignJWT } = await import('jose');
    if (this.#signer?.cert !== credentials.cert || this.#signer.key !== credentials.key) this.#signer = signerOf(credentials);
    const { privateKey, fingerprint, chain } = this.#signer;
    return new SignJWT({ iss: thing, sub: thing, aud: audience, exp: expiresS, jti: randomUUID() })
      .setProtectedHeader({
        alg: privateKey.asymmetricKeyType === 'rsa' ? 'RS256' : 'ES256',
        'x5t#S256': fingerprint,
        ...(this.#isChainSent ? { x5c: chain } : {}),
      })
      .sign(privateKey);
  }
}

function signerOf({ cert, key }: DeviceTokensOptions['credentials']): Signer {
  const chain = (cert.match(PEM) ?? []).map((pem) => new X509Certificate(pem).raw);
  const fingerprint = createHash('sha256')
    .update(chain[0] ?? '')
    .digest('base64url');
  return { cert, key, privateKey: createPrivateKey(key), fingerprint, chain: chain.map((raw) => raw.toString('base64')) };
}
