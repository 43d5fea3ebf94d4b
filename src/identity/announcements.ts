// That the next certificate is the same robot's, said with the key of the one before (contract, device auth): what tells a cloud that
// knows robots by their certificates' fingerprints. Signed before the old key goes, kept on disk until the agent has taken it over.
import { createHash, createPrivateKey, sign, X509Certificate } from 'node:crypto';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { replaceFile } from '../base/index.ts';
import { CERTIFICATE_NEXT_TYP } from '../wire/index.ts';

/** PEM. */
interface Pair {
  readonly cert: string;
  readonly key: string;
}

/** @returns a JWS; undefined where it is the same certificate, or the old key is of a kind that no token is signed with. */
export function announcementOf(thing: string, before: Pair, nextCert: string): string | undefined {
  const [old, next] = [new X509Certificate(before.cert), new X509Certificate(nextCert)];
  if (old.raw.equals(next.raw)) return undefined;
  const key = createPrivateKey(before.key);
  const alg = key.asymmetricKeyType === 'rsa' ? 'RS256' : key.asymmetricKeyDetails?.namedCurve === 'prime256v1' ? 'ES256' : undefined;
  if (alg === undefined) return undefined;
  const header = { alg, typ: CERTIFICATE_NEXT_TYP, 'x5t#S256': fingerprintOf(old) };
  const text = [header, { iss: thing, next: next.raw.toString('base64') }].map((part) => encoded(JSON.stringify(part))).join('.');
  return `${text}.${encoded(sign('sha256', Buffer.from(text), { key, dsaEncoding: 'ieee-p1363' }))}`;
}

/** What is to be announced, oldest first: a robot may have had several certificates before it was connected again. */
export class Announcements {
  readonly #file: string;

  /** @param folder the identity's. */
  constructor(folder: string) {
    this.#file = join(folder, 'announcements');
  }

  add(announcement: string | undefined): void {
    if (announcement === undefined) return;
    replaceFile(this.#file, [...this.#waiting(), announcement].map((line) => `${line}\n`).join(''));
  }

  get isEmpty(): boolean {
    return !existsSync(this.#file);
  }

  /** Those that lead to the certificate in use, oldest first: others were of one that did not come into use. */
  leadingTo(certInUse: string): string[] {
    const leading: string[] = [];
    let wanted: unknown = fingerprintOf(new X509Certificate(certInUse));
    for (const announcement of this.#waiting().reverse()) {
      const said = read(announcement);
      if (!said || said.next !== wanted) continue;
      leading.unshift(announcement);
      wanted = said.by;
    }
    return leading;
  }

  forget(): void {
    rmSync(this.#file, { force: true });
  }

  #waiting(): string[] {
    return existsSync(this.#file) ? readFileSync(this.#file, 'utf8').split('\n').filter(Boolean) : [];
  }
}

/** By which certificate, and which is next, by their fingerprints. @returns undefined for what is none. */
function read(announcement: string): { readonly by: unknown; readonly next: string } | undefined {
  try {
    const [header = '', payload = ''] = announcement.split('.');
    const { 'x5t#S256': by } = decoded(header);
    return { by, next: fingerprintOf(new X509Certificate(Buffer.from(String(decoded(payload).next), 'base64'))) };
  } catch {
    return undefined;
  }
}

/** `x5t#S256` of RFC 7515. */
function fingerprintOf({ raw }: X509Certificate): string {
  return createHash('sha256').update(raw).digest('base64url');
}

function encoded(part: string | Buffer): string {
  return Buffer.from(part).toString('base64url');
}

function decoded(part: string): Record<string, unknown> {
  return JSON.parse(Buffer.from(part, 'base64url').toString()) as Record<string, unknown>;
}
