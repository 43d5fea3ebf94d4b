// Tokens for the cloud's API, signed with the robot's X.509 key, each for one use and minutes (docs/reference/protocol.md, Device auth). They
// use the cloud's time once it is known: a wrong clock must not stop pictures.
import { createHash, createPrivateKey, type KeyObject, randomUUID, X509Certificate } from 'node:crypto';
import type { Clock } from '../clock/index.ts';

export interface DeviceTokensOptions {
  readonly thing: string;
  /** PEM: the certificate with its chain, and its key. Read for each token, because the certificate may be renewed. */
  readonly credentials: { readonly cert: string; readonly key: string };
  /** The API's origin. */
  readonly audience: string;
  readonly clock: Pick<Clock, 'wall' | 'mono'>;
}

/** Less than the 5 minutes that the cloud allows. */
const LIFETIME_S = 240;
/** A token made ahead is used up to this age: half of its lifetime remains for the transfer and a wrong clock. */
const AHEAD_MS = (LIFETIME_S / 2) * 1_000;
/** A token is made ahead this often, so that there always is one. */
export const PREPARE_EVERY_MS = AHEAD_MS / 2;

const PEM = /-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g;

/** Parsed credentials, kept until the credentials are renewed. */
interface Signer {
  readonly cert: string;
  readonly key: string;
  readonly privateKey: KeyObject;
  readonly fingerprint: string;
  /** Base64 of DER: over a kilobyte, sent only to a cloud that does not know the fingerprint. */
  readonly chain: string[];
}

export class DeviceTokens {
  readonly #options: DeviceTokensOptions;
  /** The cloud's time at 0 of this robot's monotonic clock; later changes of the wall clock do not matter. */
  #cloudAtZeroMs: number | undefined;
  #isChainSent = false;
  #signer: Signer | undefined;
  /** The token that was made ahead. */
  #ahead: { readonly token: Promise<string>; readonly madeMs: number; readonly cert: string } | undefined;

  constructor(options: DeviceTokensOptions) {
    this.#options = options;
  }

  /** Milliseconds by which the cloud's clock is ahead of this robot's; undefined until the cloud's time is known. */
  get aheadMs(): number | undefined {
    const { clock } = this.#options;
    return this.#cloudAtZeroMs === undefined ? undefined : this.#cloudAtZeroMs + clock.mono() - clock.wall();
  }

  /** From now on tokens use the cloud's time. @param date the header `Date` of any answer of the cloud. */
  setTime(date: string | undefined): void {
    this.#ahead = undefined;
    const toldMs = Date.parse(date ?? '');
    if (Number.isFinite(toldMs)) this.#cloudAtZeroMs = toldMs - this.#options.clock.mono();
  }

  /** From now on tokens carry the certificate chain: the cloud refused a token that only names the fingerprint. */
  sendChain(): void {
    this.#ahead = undefined;
    this.#isChainSent = true;
  }

  /** Makes the next token ahead, unless a young one exists: after a fall every millisecond counts. */
  prepare(): void {
    if (this.#age() < PREPARE_EVERY_MS) return;
    const token = this.#make();
    // The caller of `sign` gets the error.
    token.catch(() => {});
    this.#ahead = { token, madeMs: this.#options.clock.mono(), cert: this.#options.credentials.cert };
  }

  sign(): Promise<string> {
    const token = this.#age() < AHEAD_MS ? this.#ahead?.token : undefined;
    this.#ahead = undefined;
    return token ?? this.#make();
  }

  /** Milliseconds since the token was made ahead; infinite if none was made with the present certificate. */
  #age(): number {
    const { clock, credentials } = this.#options;
    return this.#ahead?.cert === credentials.cert ? clock.mono() - this.#ahead.madeMs : Number.POSITIVE_INFINITY;
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
