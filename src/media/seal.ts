// End-to-end encryption with age (age-encryption.org/v1, X25519): only who has a recipient's private key can look, not the store and
// not the cloud. Loaded when a camera has recipients.

export type Seal = (bytes: Uint8Array) => Promise<Buffer>;

/** @throws where a recipient is none; the configuration has checked that. */
export async function sealFor(recipients: readonly string[]): Promise<Seal> {
  const { Encrypter } = await import('age-encryption');
  const encrypter = new Encrypter();
  for (const recipient of recipients) encrypter.addRecipient(recipient);
  const seal: Seal = async (bytes) => Buffer.from(await encrypter.encrypt(bytes));
  // The first one costs the most, 50 ms: not in the middle of an alert.
  await seal(new Uint8Array(1));
  return seal;
}
