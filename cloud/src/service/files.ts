// Writes and checks the files of the systemd service: its settings and its unit. The settings are checked before the start, because systemd
// would restart a cloud with invalid settings again and again.
import { isAbsolute } from 'node:path';
import { parseEnv } from 'node:util';
import { renderUnit } from '../../../src/base/index.ts';
import { SettingsError } from '../errors/index.ts';
import { CREDENTIALS, type Environment, type Settings, settingsFrom } from '../settings/index.ts';

/** The program's directory in the unit template. */
const PACKAGE_ROOT = '/opt/elderly-bot';

export interface Server {
  readonly user: string;
  /** The program's directory. */
  readonly root: string;
  /** Other files that the cloud reads: certificates and keys. */
  readonly reads: readonly string[];
}

/** @param template the text of the unit file. The unit cannot contain a path with special characters. */
export function unitFor(template: string, { user, root, reads }: Server): string {
  return renderUnit(template, { user, replaced: [[PACKAGE_ROOT, root]], paths: [root, ...reads] });
}

/**
 * Completes the example settings with the paths and the secret of a service.
 * @param secret signs the users' tokens.
 * @param folder the directory in which the cloud's certificate and key will be.
 */
export function settingsFileFrom(example: string, { root, folder, secret }: { root: string; folder: string; secret: string }): string {
  const given: Readonly<Record<string, string>> = {
    AWS_ROOT_CA: `${root}/certs/AmazonRootCA1.pem`,
    AWS_CERT_FILE: `${folder}/cloud.crt.pem`,
    AWS_PRIVATE_KEY: `${folder}/cloud.key.pem`,
    SECRET_KEY: secret,
  };
  return example
    .split('\n')
    .map((line) => {
      if (line.startsWith('# Copy to .env')) return '# Settings of elderly-bot-cloud.service. systemd reads this file as root.';
      const name = line.split('=', 1)[0] ?? '';
      return given[name] === undefined ? line : `${name}=${given[name]}`;
    })
    .join('\n');
}

/** @returns the settings, and the paths of the files that they name. @throws SettingsError with a line for each invalid value. */
export function settingsOf(text: string): { settings: Settings; reads: readonly string[] } {
  const environment: Environment = parseEnv(text);
  const reads = CREDENTIALS.map((name) => environment[name] ?? '').filter(Boolean);
  const relative = CREDENTIALS.filter((name) => environment[name] && !isAbsolute(environment[name]));
  if (relative.length > 0) {
    throw new SettingsError(
      relative.map((name) => `${name}=${environment[name]}: expected an absolute path, because a service has its own working directory`),
    );
  }
  const settings = settingsFrom(environment);
  if (settings.port === 0) throw new SettingsError(['PORT=0: expected a fixed port, because nginx needs it']);
  return { settings, reads };
}
