// Decides whether users other than its owner can read or change a key file. A pure function but for one default.
import { resolve } from 'node:path';

/** Where systemd puts the credentials of all services: into RAM, in a folder for each service that only its user can enter. */
const CREDENTIALS = '/run/credentials';

/**
 * A credential belongs to root. systemd gives it to the service's user with an access control list, which shows as the group's right to read.
 * @param credentials $CREDENTIALS_DIRECTORY of this process.
 */
export function isLooseKey(file: string, mode: number, credentials = process.env.CREDENTIALS_DIRECTORY): boolean {
  const isCredential = [CREDENTIALS, credentials].some((folder) => folder && resolve(file).startsWith(`${resolve(folder)}/`));
  return (mode & (isCredential ? 0o037 : 0o077)) !== 0;
}
