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
    const toldMs = Date.parse(date ?? '');
    if (Number.isFinite(toldMs)) this.#cloudAtZeroMs = toldMs - this.#options.clock.mono();
  }

  /** The cloud knew no better: from now on tokens have the certificate itself. */
  refused(): void {
    this.#isChainSent = true;
  }

  async sign(): Promise<string> {
    const { SignJWT } = await import('jose');
    const { thing, credentials, audience, clock } = this.#options;
    if (this.#signer?.cert !== credentials.cert || this.#signer.key !== credentials.key) this.#signer = signerOf(credentials);
    const { privateKey, fingerprint, chain } = this.#signer;
    const expiresS = Math.floor((clock.wall() + (this.aheadMs ?? 0)) / 1_000) + LIFETIME_S;
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
