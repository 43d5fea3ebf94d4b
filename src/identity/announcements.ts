// Announces a new certificate to the cloud in a token signed with the old key (docs/reference/protocol.md), so that a cloud that identifies
// robots by certificate fingerprint can learn the new fingerprint. The token must be signed before the old key is deleted, and stays on
// disk until the agent has published it.
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { replaceFile } from '../base/index.ts';
import { CERTIFICATE_NEXT_TYP } from '../wire/index.ts';
import { algorithmOf, fingerprintOf } from './signature.ts';

/**
 * @param before the old certificate and its key, as PEM.
 * @returns a JWS; undefined if the certificate is unchanged, or if the type of the old key can't sign a JWS
 */
export async function announcementOf(
  thing: string,
  before: { readonly cert: string; readonly key: string },
  nextCert: string,
): Promise<string | undefined> {
  const [old, next] = [new X509Certificate(before.cert), new X509Certificate(nextCert)];
  if (old.raw.equals(next.raw)) return undefined;
  const key = createPrivateKey(before.key);
  const alg = algorithmOf(key);
  if (alg !== 'RS256' && alg !== 'ES256') return undefined;
  const { SignJWT } = await import('jose');
  return new SignJWT({ iss: thing, next: next.raw.toString('base64') })
    .setProtectedHeader({ alg, typ: CERTIFICATE_NEXT_TYP, 'x5t#S256': fingerprintOf(old) })
    .sign(key);
}

/** The unpublished announcements. There may be several, because the certificate can change more than once while the robot is offline. */
export class Announcements {
  readonly #file: string;

  /** @param folder the identity directory. */
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

  /** Returns the chain of announcements that leads to this certificate, oldest first. Announcements of unused certificates are left out. */
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

/** Decodes the fingerprints of the signing certificate and the announced one. @returns undefined if the announcement is malformed */
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
