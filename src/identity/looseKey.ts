// Decides whether users other than its owner can read or change a key file.
import { resolve } from 'node:path';

/** systemd keeps the credentials of each service here in RAM, in a folder that only the service's user can enter. */
const CREDENTIALS = '/run/credentials';

/**
 * A credential belongs to root. systemd gives it to the service's user with an access control list, which shows as the group's right to read.
 * @param credentials $CREDENTIALS_DIRECTORY of this process.
 */
export function isLooseKey(file: string, mode: number, credentials = process.env.CREDENTIALS_DIRECTORY): boolean {
  const isCredential = [CREDENTIALS, credentials].some((folder) => folder && resolve(file).startsWith(`${resolve(folder)}/`));
  return (mode & (isCredential ? 0o037 : 0o077)) !== 0;
}
