// The public keys for which files are sealed.
import { bech32 } from '@scure/base';
import * as z from 'zod';

const EXPECTED = 'expected an age public key (X25519), such as age1 and 58 more characters, as age-keygen prints it';

/** Verifies the key's checksum, because a mistyped key would make every file permanently unreadable. */
const recipient = z.string().refine(isX25519Recipient, EXPECTED);

export const recipients = z.array(recipient).max(16);

function isX25519Recipient(text: string): boolean {
  const decoded = bech32.decodeUnsafe(text);
  return decoded?.prefix === 'age' && bech32.fromWordsUnsafe(decoded.words)?.length === 32;
}
