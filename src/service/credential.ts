// Finds the file from which systemd gives the device key to the agent. If the configuration names a key in the folder of the unit's
// credentials, the key on disk can be encrypted with a key of this machine or its TPM. systemd decrypts it into RAM at each start.
import { existsSync } from 'node:fs';
import { basename, dirname } from 'node:path';

const CREDENTIALS = '/run/credentials/elderly-bot.service';
const FOLDER = '/etc/elderly-bot';
/** The first version with encrypted credentials (systemd's NEWS, version 250). */
const ENCRYPTS_FROM = 250;

export function isCredential(key: string | null): key is string {
  return key !== null && dirname(key) === CREDENTIALS;
}

export interface CredentialFault {
  readonly text: string;
  readonly remedy: string;
}

/**
 * @param key the configured path of the key, for which {@link isCredential} is true. @param systemd the version of this machine's systemd.
 * @returns the unit's line.
 */
export function credentialLine(key: string, systemd: number, isThere: (file: string) => boolean = existsSync): string | CredentialFault {
  const name = basename(key);
  const [encrypted, plain] = [`${FOLDER}/${name}.cred`, `${FOLDER}/${name}`];
  const canDecrypt = systemd >= ENCRYPTS_FROM;
  if (canDecrypt && isThere(encrypted)) return `LoadCredentialEncrypted=${name}:${encrypted}`;
  if (isThere(plain)) return `LoadCredential=${name}:${plain}`;
  return canDecrypt
    ? { text: `mqtt.private_key ${key}: there is no ${encrypted}`, remedy: `systemd-creds encrypt --name=${name} KEYFILE ${encrypted}` }
    : {
        text: `mqtt.private_key ${key}: there is no ${plain}, and systemd ${systemd} has no encrypted credentials`,
        remedy: `install -m 0600 KEYFILE ${plain}`,
      };
}
