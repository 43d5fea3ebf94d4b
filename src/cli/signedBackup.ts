// Decides whether `elderly-bot restore` may trust a backup, by the certificate that signed it.
import * as z from 'zod';
import { printError } from '../base/index.ts';
import { AgentError } from '../errors.ts';
import { BACKUP_TYP, readStatement } from '../identity/index.ts';
import type { Content } from '../outbox/index.ts';

export interface Trust {
  readonly file: string;
  /** Ids of this robot's certificates. */
  readonly own: readonly string[];
  /** Id of another certificate that the user trusts; undefined if none. */
  readonly signer: string | undefined;
  /** Whether the user vouches for the backup. */
  readonly isUnverified: boolean;
}

/** The statement that a robot signs about a backup. */
const statement = z.object({
  iss: z.string(),
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  size: z.int().min(1),
});

/** @returns a function that returns the signed content, or undefined if the user vouches for a backup without a signature. */
export function verifierFor(trust: Trust): (signature: string | undefined) => Promise<Content | undefined> {
  return async (signature) => {
    if (signature === undefined) return acceptUnsigned(trust);
    const read = await readStatement(signature, BACKUP_TYP);
    const signed = statement.safeParse(read?.payload).data;
    if (!read || !signed) {
      throw new AgentError('BACKUP_INVALID', `the signature of ${trust.file} is false: its first line was changed`, {
        remedy: 'get the file again from its source, or take another backup',
      });
    }
    acceptSigner(trust, read.signer);
    return signed;
  };
}

function acceptUnsigned({ file, isUnverified }: Trust): undefined {
  const text = `${file} has no signature, so anyone may have made it`;
  if (!isUnverified) throw unverified(text, 'if you know who made it, repeat the command with --unverified');
  warn(text);
}

function acceptSigner({ file, own, signer, isUnverified }: Trust, found: string): void {
  if (own.includes(found) || idOf(signer) === found) return;
  const text = `${file} was signed with the certificate ${found}, which this robot does not have`;
  if (isUnverified) {
    warn(text);
    return;
  }
  const where = 'the AWS console and elderly-bot-cloud device list show it';
  throw unverified(
    text,
    `if an earlier certificate of this robot, or of the robot that it replaces, has this id (${where}), repeat the command with --signer ${found}`,
  );
}

/** The fingerprint as elderly-bot-cloud prints it: base64url of 32 bytes. */
const BASE64URL = /^[\w-]{43}$/;

/** @returns the id as `certs show` prints it. OpenSSL prints fingerprints in upper case with colons. */
function idOf(given: string | undefined): string | undefined {
  if (given === undefined || !BASE64URL.test(given)) return given?.replaceAll(':', '').toLowerCase();
  return Buffer.from(given, 'base64url').toString('hex');
}

function unverified(text: string, remedy: string): AgentError {
  return new AgentError('BACKUP_UNVERIFIED', text, { remedy });
}

function warn(text: string): void {
  printError([
    `elderly-bot: WARNING: ${text}`,
    'elderly-bot: WARNING: --unverified restores it all the same. Its rows reach the family as alerts of this robot.',
  ]);
}
