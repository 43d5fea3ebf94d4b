// Signs tokens for the cloud's API with the robot's X.509 key. Each is valid once and for minutes (docs/reference/protocol.md, Device auth).
// Tokens use the cloud's time once it is known, so that a wrong clock does not stop pictures.
import { createHash, createPrivateKey, type KeyObject, randomUUID, X509Certificate } from 'node:crypto';
import type { Clock } from '../clock/index.ts';

export interface DeviceTokensOptions {
  readonly thing: string;
  /** The certificate with its chain, and its key, in PEM. Each token reads them, because the certificate may be renewed. */
  readonly credentials: { readonly cert: string; readonly key: string };
  /** The API's origin. */
  readonly audience: string;
  readonly clock: Pick<Clock, 'wall' | 'mono'>;
}

/** The cloud allows 5 minutes. */
const LIFETIME_S = 240;
/** The maximum age of a prepared token. Half of its lifetime remains for the transfer and a wrong clock. */
const MAX_PREPARED_AGE_MS = (LIFETIME_S / 2) * 1_000;
/** The interval at which a token is prepared, so that one is always available. */
export const PREPARE_EVERY_MS = MAX_PREPARED_AGE_MS / 2;

const PEM = /-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g;

/** Parsed credentials, cached until the certificate is renewed. */
interface Signer {
  readonly cert: string;
  readonly key: string;
  readonly privateKey: KeyObject;
  readonly fingerprint: string;
  /** DER in Base64. It has over a kilobyte, so only a cloud that does not know the fingerprint receives it. */
  readonly chain: string[];
}

export class DeviceTokens {
  readonly #options: DeviceTokensOptions;
  /** The cloud's time at 0 of the monotonic clock. Later changes of the wall clock do not affect it. */
  #cloudAtZeroMs: number | undefined;
  #isChainSent = false;
  #signer: Signer | undefined;
  #prepared: { readonly token: Promise<string>; readonly madeMs: number; readonly cert: string } | undefined;

  constructor(options: DeviceTokensOptions) {
    this.#options = options;
  }

  /** Milliseconds by which the cloud's clock is ahead of the robot's; undefined until the cloud's time is known. */
  get aheadMs(): number | undefined {
    const { clock } = this.#options;
    return this.#cloudAtZeroMs === undefined ? undefined : this.#cloudAtZeroMs + clock.mono() - clock.wall();
  }

  /** Sets the cloud's time for later tokens. @param date the `Date` header of the cloud's answer. */
  setTime(date: string | undefined): void {
    this.#prepared = undefined;
    const cloudMs = Date.parse(date ?? '');
    if (Number.isFinite(cloudMs)) this.#cloudAtZeroMs = cloudMs - this.#options.clock.mono();
  }

  /** Adds the certificate chain to later tokens. The caller must call this if the cloud refused a token with only the fingerprint. */
  sendChain(): void {
    this.#prepared = undefined;
    this.#isChainSent = true;
  }

  /** Signs the next token unless a young one exists, because every millisecond counts after a fall. */
  prepare(): void {
    if (this.#age() < PREPARE_EVERY_MS) return;
    const token = this.#make();
    // The caller of `sign` gets the error.
    token.catch(() => {});
    this.#prepared = { token, madeMs: this.#options.clock.mono(), cert: this.#options.credentials.cert };
  }

  sign(): Promise<string> {
    const token = this.#age() < MAX_PREPARED_AGE_MS ? this.#prepared?.token : undefined;
    this.#prepared = undefined;
    return token ?? this.#make();
  }

  /** Milliseconds since the token was prepared; infinite if no token of the present certificate is prepared. */
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
