// The robot says who it is with its own X.509 key: a token for the cloud's API, good once and for minutes (contract, device auth).
// Its time is the cloud's, once the cloud has told it: a wrong clock must not stop pictures.
import { createPrivateKey, randomUUID, X509Certificate } from 'node:crypto';

export interface DeviceTokensOptions {
  readonly thing: string;
  /** PEM: the certificate, and what follows it in the file; its key. Looked at for each token, since it may be renewed. */
  readonly credentials: { readonly cert: string; readonly key: string };
  /** The API's origin. */
  readonly audience: string;
  readonly wallMs: () => number;
  /** An answer told the cloud's time: by how much it is ahead of this robot's. */
  readonly onTime?: (aheadMs: number) => void;
}

/** Less than the 5 minutes the cloud allows. */
const LIFETIME_S = 240;

const PEM = /-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g;

export class DeviceTokens {
  readonly #options: DeviceTokensOptions;
  /** How much the cloud's clock is ahead of this robot's, as far as it ever said. */
  #aheadMs = 0;

  constructor(options: DeviceTokensOptions) {
    this.#options = options;
  }

  /** @param date the `Date` of an answer. */
  learn(date: string | undefined): void {
    const toldMs = Date.parse(date ?? '');
    if (!Number.isFinite(toldMs)) return;
    this.#aheadMs = toldMs - this.#options.wallMs();
    this.#options.onTime?.(this.#aheadMs);
  }

  async sign(): Promise<string> {
    const { SignJWT } = await import('jose');
    const { thing, credentials, audience, wallMs } = this.#options;
    const { cert, key } = credentials;
    const chain = (cert.match(PEM) ?? []).map((pem) => new X509Certificate(pem));
    const leaf = chain[0]?.raw ?? Buffer.alloc(0);
    const privateKey = createPrivateKey(key);
    const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', new Uint8Array(leaf)));
    const expiresS = Math.floor((wallMs() + this.#aheadMs) / 1_000) + LIFETIME_S;
    return new SignJWT({ iss: thing, sub: thing, aud: audience, exp: expiresS, jti: randomUUID() })
      .setProtectedHeader({
        alg: privateKey.asymmetricKeyType === 'rsa' ? 'RS256' : 'ES256',
        'x5t#S256': Buffer.from(digest).toString('base64url'),
        x5c: chain.map(({ raw }) => raw.toString('base64')),
      })
      .sign(privateKey);
  }
}
