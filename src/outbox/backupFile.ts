// The file format of a backup: one line of fixed length with the robot's signature, then the gzipped database, sealed with age if the
// configuration has recipients. The signature covers the bytes after the line, so nothing of a forged file is unpacked and kept.
// `tail -n +2 FILE | age -d -i KEY | gunzip` reads one without this program.
import { createHash } from 'node:crypto';
import { closeSync, createReadStream, createWriteStream, fstatSync, openSync, readSync, statSync, writeSync } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { createGunzip, createGzip } from 'node:zlib';
import { isNoSpace, messageOf, NoIdentityError, SEALED_MAGIC, type Step, sealing, unsealing } from '../base/index.ts';
import { AgentError } from '../errors.ts';

const MAGIC = 'elderly-bot-backup 1 ';
/** Length of the first line. A signature with a certificate of 4096 bits has less than 6 KiB. */
const LINE_BYTES = 8 * 1024;
const UNSIGNED = '-';

/** A description of the bytes after the first line, which the robot signs. */
export interface Content {
  /** In hexadecimal. */
  readonly sha256: string;
  readonly size: number;
}

/** @returns a JWS; undefined if the robot cannot sign. */
export type Sign = (content: Content) => Promise<string | undefined>;

/** Packs a database file. The caller must rename `target` when this is done: until then it is incomplete. */
export async function packBackup(
  database: string,
  target: string,
  { recipients, sign, signal }: { readonly recipients: readonly string[]; readonly sign: Sign; readonly signal: AbortSignal },
): Promise<void> {
  const digest = new Digest();
  const seal: Step = recipients.length > 0 ? sealing(recipients) : (source) => passing(source);
  const out = createWriteStream(target, { mode: 0o600, start: LINE_BYTES });
  await pipeline(createReadStream(database), createGzip(), seal, digest.step, out, { signal });
  const line = `${MAGIC}${(await sign(digest.content)) ?? UNSIGNED}`;
  if (line.length >= LINE_BYTES) throw new Error(`the signature of the backup has ${line.length} bytes, more than ${LINE_BYTES}`);
  const descriptor = openSync(target, 'r+');
  try {
    writeSync(descriptor, `${line.padEnd(LINE_BYTES - 1)}\n`, 0);
  } finally {
    closeSync(descriptor);
  }
}

export interface BackupHead {
  /** Undefined if the backup has no signature, like those of earlier versions. */
  readonly signature: string | undefined;
  /** Position of the packed bytes. */
  readonly start: number;
  readonly isSealed: boolean;
  /** Size of the packed bytes. */
  readonly size: number;
}

/** @throws PackedError; an error from the file system. */
export function readHead(file: string): BackupHead {
  // Opening a pipe would wait for a writer.
  if (!statSync(file).isFile()) throw new PackedError('it is not a regular file');
  const descriptor = openSync(file, 'r');
  try {
    const bytes = Buffer.alloc(LINE_BYTES + SEALED_MAGIC.length);
    const length = readSync(descriptor, bytes, 0, bytes.length, 0);
    const text = bytes.toString('latin1', 0, length);
    const start = text.startsWith(MAGIC) ? LINE_BYTES : 0;
    const line = text.slice(MAGIC.length, start).trimEnd();
    const signature = start === 0 || line === UNSIGNED ? undefined : line;
    return { signature, start, isSealed: text.startsWith(SEALED_MAGIC, start), size: fstatSync(descriptor).size - start };
  } finally {
    closeSync(descriptor);
  }
}

/** The file is not a complete backup. The message says why. */
export class PackedError extends Error {}

/**
 * Unpacks a backup into `target`, which is complete only once this has returned.
 * @param signed what the signature states; undefined if the backup has no signature.
 * @throws PackedError; AgentError BACKUP_SEALED; an error from the file system.
 */
export async function unpackBackup(
  file: string,
  target: string,
  head: BackupHead,
  limits: { readonly maxBytes: number; readonly identities: readonly string[]; readonly signed: Content | undefined },
): Promise<void> {
  const { signed, maxBytes, identities } = limits;
  if (signed && head.size < signed.size) throw new PackedError(`it is cut off: it has ${head.size} of ${signed.size} bytes`);
  if (signed && head.size > signed.size) throw new PackedError(`it is longer than the ${signed.size} bytes that the robot signed`);
  // Neither gzip nor age adds more than a few bytes in a thousand to what cannot be compressed.
  const packed = limiting(maxBytes * 1.01 + LINE_BYTES);
  const digest = new Digest();
  const unseal: Step = head.isSealed ? unsealing(identities) : (source) => passing(source);
  const out = createWriteStream(target, { mode: 0o600 });
  try {
    const source = digest.step(packed(createReadStream(file, { start: head.start })));
    await pipeline(source, unseal, createGunzip(), limiting(maxBytes), out);
  } catch (error) {
    throw reasonOf(error);
  }
  if (signed && digest.content.sha256 !== signed.sha256) throw new PackedError('its bytes are not those that the robot signed');
}

/** Counts and hashes the bytes that pass. */
class Digest {
  readonly #hash = createHash('sha256');
  #size = 0;

  readonly step: Step = (source) => this.#measure(source);

  /** Must be read after the last byte, and once. */
  get content(): Content {
    return { sha256: this.#hash.digest('hex'), size: this.#size };
  }

  async *#measure(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    for await (const chunk of source) {
      this.#size += chunk.length;
      this.#hash.update(chunk);
      yield chunk;
    }
  }
}

function limiting(maxBytes: number): Step {
  return async function* (source) {
    let size = 0;
    for await (const chunk of source) {
      size += chunk.length;
      if (size > maxBytes)
        throw new PackedError(`it is larger than the outbox may be (outbox.max_size, ${Math.floor(maxBytes / 1024 ** 2)} MiB for rows)`);
      yield chunk;
    }
  };
}

async function* passing(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield* source;
}

function reasonOf(error: unknown): unknown {
  if (error instanceof NoIdentityError) {
    return new AgentError('BACKUP_SEALED', 'the backup is sealed for other recipients than the given identity', {
      remedy: 'give the private key of one of the recipients that uploads.recipients had when the backup was made',
      cause: error,
    });
  }
  const { code, path } = error as NodeJS.ErrnoException;
  if (error instanceof PackedError || path !== undefined || isNoSpace(error)) return error;
  const text = messageOf(error);
  if (code === 'Z_BUF_ERROR' || text === 'invalid tag') return new PackedError('it is cut off or damaged');
  return new PackedError(text === 'incorrect header check' ? 'it is not a gzip file' : text);
}
