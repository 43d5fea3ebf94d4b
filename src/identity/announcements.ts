// Announces the next certificate to the cloud in a text that the current key signs (docs/reference/protocol.md). A cloud
// that identifies robots by certificate fingerprints learns the new fingerprint from this text. The text is signed before the old
// key is deleted, and stays on disk until the agent published it.
import { createHash, createPrivateKey, X509Certificate } from 'node:crypto';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { replaceFile } from '../base/index.ts';
import { CERTIFICATE_NEXT_TYP } from '../wire/index.ts';

/** @param before the current pair as PEM. @returns a JWS. Undefined if the certificate is the same, or if the old key's type can't sign tokens. */
export async function announcementOf(
  thing: string,
  before: { readonly cert: string; readonly key: string },
  nextCert: string,
): Promise<string | undefined> {
  const [old, next] = [new X509Certificate(before.cert), new X509Certificate(nextCert)];
  if (old.raw.equals(next.raw)) return undefined;
  const key = createPrivateKey(before.key);
  const alg = key.asymmetricKeyType === 'rsa' ? 'RS256' : key.asymmetricKeyDetails?.namedCurve === 'prime256v1' ? 'ES256' : undefined;
  if (alg === undefined) return undefined;
  const { SignJWT } = await import('jose');
  return new SignJWT({ iss: thing, next: next.raw.toString('base64') })
    .setProtectedHeader({ alg, typ: CERTIFICATE_NEXT_TYP, 'x5t#S256': fingerprintOf(old) })
    .sign(key);
}

/** Pending announcements, oldest first. A robot may change its certificate several times before it connects again. */
export class Announcements {
  readonly #file: string;

  /** @param folder the folder of the identity. */
  constructor(folder: string) {
    this.#file = join(folder, 'announcements');
  }

  add(announcement: string | undefined): void {
    if (announcement === undefined) return;
    replaceFile(this.#file, [...this.#pending(), announcement].map((line) => `${line}\n`).join(''));
  }

  get isEmpty(): boolean {
    return !existsSync(this.#file);
  }

  /** @returns the announcements that lead to the certificate in use, oldest first. Others announce a certificate that was never used. */
  leadingTo(certInUse: string): string[] {
    const leading: string[] = [];
    let wanted: unknown = fingerprintOf(new X509Certificate(certInUse));
    for (const announcement of this.#pending().reverse()) {
      const fingerprints = read(announcement);
      if (fingerprints?.next !== wanted) continue;
      leading.unshift(announcement);
      wanted = fingerprints?.signer;
    }
    return leading;
  }

  forget(): void {
    rmSync(this.#file, { force: true });
  }

  #pending(): string[] {
    return existsSync(this.#file) ? readFileSync(this.#file, 'utf8').split('\n').filter(Boolean) : [];
  }
}

/** Reads the fingerprints of the signing and the next certificate. @returns undefined for an invalid announcement. */
function read(announcement: string): { readonly signer: unknown; readonly next: string } | undefined {
  try {
    const [header, payload] = announcement
      .split('.')
      .slice(0, 2)
      .map((part) => JSON.parse(Buffer.from(part, 'base64url').toString()) as Record<string, unknown>);
    return { signer: header?.['x5t#S256'], next: fingerprintOf(new X509Certificate(Buffer.from(String(payload?.next), 'base64'))) };
  } catch {
    return undefined;
  }
}

/** The `x5t#S256` of RFC 7515. */
function fingerprintOf({ raw }: X509Certificate): string {
  return createHash('sha256').update(raw).digest('base64url');
}
