// The robot says who it is with its own X.509 key: a token for the cloud's API, good once and for minutes (contract, device auth).
// Its time is the cloud's, once the cloud has told it: a wrong clock must not stop pictures.
import { createHash, createPrivateKey, type KeyObject, randomUUID, X509Certificate } from 'node:crypto';
import type { Clock } from '../clock/index.ts';

export interface DeviceTokensOptions {
  readonly thing: string;
  /** PEM: the certificate, and what follows it in the file; its key. Looked at for each token, since it may be renewed. */
  readonly credentials: { readonly cert: string; readonly key: string };
  /** The API's origin. */
  readonly audience: string;
  readonly clock: Pick<Clock, 'wall' | 'mono'>;
}

/** Less than the 5 minutes the cloud allows. */
const LIFETIME_S = 240;
/** One made ahead is good this long: half of its life is left for its way, and for a clock that is off. */
const AHEAD_MS = (LIFETIME_S / 2) * 1_000;
/** As often one is made ahead, so that there always is one. */
export const PREPARE_EVERY_MS = AHEAD_MS / 2;

const PEM = /-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g;

/** Read once, until they are renewed. */
interface Signer {
  readonly cert: string;
  readonly key: string;
  readonly privateKey: KeyObject;
  readonly fingerprint: string;
  /** Of base64: a kilobyte and more, which most clouds need not be told, since they know the fingerprint. */
  readonly chain: string[];
}

export class DeviceTokens {
  readonly #options: DeviceTokensOptions;
  /** The cloud's time when this robot's monotonic clock was at 0: however the wall clock is set afterwards. */
  #cloudAtZeroMs: number | undefined;
  #isChainSent = false;
  #signer: Signer | undefined;
  /** Signed while there was time for it. */
  #ahead: { readonly token: Promise<string>; readonly madeMs: number; readonly cert: string } | undefined;

  constructor(options: DeviceTokensOptions) {
    this.#options = options;
  }

  /** By how many milliseconds the cloud's clock is ahead of this robot's; undefined until it told its time. */
  get aheadMs(): number | undefined {
    const { clock } = this.#options;
    return this.#cloudAtZeroMs === undefined ? undefined : this.#cloudAtZeroMs + clock.mono() - clock.wall();
  }

  /** From now on tokens have the cloud's time. @param date the `Date` of any of its answers. */
  heard(date: string | undefined): void {
    this.#ahead = undefined;
    const toldMs = Date.parse(date ?? '');
    if (Number.isFinite(toldMs)) this.#cloudAtZeroMs = toldMs - this.#options.clock.mono();
  }

  /** The cloud knew no better: from now on tokens have the certificate itself. */
  refused(): void {
    this.#ahead = undefined;
    this.#isChainSent = true;
  }

  /** Makes the next token ahead, unless there is one: after a fall a millisecond counts, and before it there is time. */
  prepare(): void {
    if (this.#age() < PREPARE_EVERY_MS) return;
    const token = this.#make();
    // Whoever asks for it hears of it.
    token.catch(() => {});
    this.#ahead = { token, madeMs: this.#options.clock.mono(), cert: this.#options.credentials.cert };
  }

  sign(): Promise<string> {
    const token = this.#age() < AHEAD_MS ? this.#ahead?.token : undefined;
    this.#ahead = undefined;
    return token ?? this.#make();
  }

  /** In milliseconds, of what was made ahead with the certificate of now. */
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
