// Encrypts files end to end with age (age-encryption.org/v1, X25519), and decrypts them. Only the owner of a recipient's private key can
// read a sealed file; neither the store nor the cloud can. The library is loaded at the first use.

/** The first bytes of each sealed file. */
export const SEALED_MAGIC = 'age-encryption.org/v1\n';

export type Seal = (bytes: Uint8Array) => Promise<Buffer>;

/** A step of `stream.pipeline`. */
export type Step = (source: AsyncIterable<Uint8Array>) => AsyncGenerator<Uint8Array>;

/** @throws if a recipient is invalid. The configuration has already checked them. */
export async function sealerFor(recipients: readonly string[]): Promise<Seal> {
  const encrypter = await encrypterFor(recipients);
  const seal: Seal = async (bytes) => Buffer.from(await encrypter.encrypt(bytes));
  // The first encryption takes 50 ms longer, so do one now instead of during an alert.
  await seal(new Uint8Array(1));
  return seal;
}

/** Seals a stream, so that a large file needs little memory. */
export function sealing(recipients: readonly string[]): Step {
  return async function* (source) {
    const encrypter = await encrypterFor(recipients);
    yield* await encrypter.encrypt(ReadableStream.from(source));
  };
}

/** Opens a sealed stream. The step throws {@link NoIdentityError} if no identity is one of the recipients. */
export function unsealing(identities: readonly string[]): Step {
  return async function* (source) {
    const { Decrypter } = await import('age-encryption');
    const decrypter = new Decrypter();
    for (const identity of identities) decrypter.addIdentity(identity);
    const opened = await decrypter.decrypt(ReadableStream.from(source)).catch((cause: unknown) => {
      throw cause instanceof Error && cause.message.includes('no identity matched') ? new NoIdentityError(cause.message, { cause }) : cause;
    });
    yield* opened;
  };
}

/** The file was sealed for other recipients. */
export class NoIdentityError extends Error {}

/**
 * Reads the private keys in an identity file, as age-keygen writes it.
 * @returns the keys; undefined if a line is neither a key nor a comment.
 */
export async function identitiesIn(text: string): Promise<string[] | undefined> {
  const { Decrypter } = await import('age-encryption');
  const lines = text.split(/\r?\n/).map((line) => line.trim());
  const keys = lines.filter((line) => line !== '' && !line.startsWith('#'));
  try {
    for (const key of keys) new Decrypter().addIdentity(key);
  } catch {
    return undefined;
  }
  return keys;
}

async function encrypterFor(recipients: readonly string[]) {
  const { Encrypter } = await import('age-encryption');
  const encrypter = new Encrypter();
  for (const recipient of recipients) encrypter.addRecipient(recipient);
  return encrypter;
}
