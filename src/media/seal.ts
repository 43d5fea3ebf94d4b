// End-to-end encryption with age (age-encryption.org/v1, X25519): only the holder of a recipient's private key can see a picture, not the
// store or the cloud. Loaded only if a camera has recipients.

export type Seal = (bytes: Uint8Array) => Promise<Buffer>;

/** @throws for an invalid recipient; the configuration has already checked them. */
export async function sealFor(recipients: readonly string[]): Promise<Seal> {
  const { Encrypter } = await import('age-encryption');
  const encrypter = new Encrypter();
  for (const recipient of recipients) encrypter.addRecipient(recipient);
  const seal: Seal = async (bytes) => Buffer.from(await encrypter.encrypt(bytes));
  // The first encryption takes 50 ms longer, so it must not happen during an alert.
  await seal(new Uint8Array(1));
  return seal;
}
