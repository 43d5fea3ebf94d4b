// The file that systemd gives the cloud its settings from: made from the example, and looked at before the cloud is started with it, since
// systemd would start one that can't work again and again.
import { isAbsolute } from 'node:path';
import { parseEnv } from 'node:util';
import { SettingsError } from '../errors/index.ts';
import { type Environment, type Settings, settingsFrom } from '../settings/index.ts';

const PATHS = ['AWS_ROOT_CA', 'AWS_CERT_FILE', 'AWS_PRIVATE_KEY'] as const;

/**
 * Pure: the example with paths that hold for a service.
 * @param secret signs the users' tokens.
 * @param folder where the cloud's certificate and key are to lie.
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
      if (line.startsWith('# Copy to .env')) return '# The settings of elderly-bot-cloud.service, read by systemd as root.';
      const name = line.split('=', 1)[0] ?? '';
      return given[name] === undefined ? line : `${name}=${given[name]}`;
    })
    .join('\n');
}

/** @throws SettingsError with a line for each value that the service could not use. */
export function settingsOf(text: string): { settings: Settings; reads: readonly string[] } {
  const environment: Environment = parseEnv(text);
  const reads = PATHS.map((name) => environment[name] ?? '').filter((path) => path !== '');
  const relative = PATHS.filter((name) => environment[name] && !isAbsolute(environment[name]));
  if (relative.length > 0) {
    throw new SettingsError(
      relative.map((name) => `${name}=${environment[name]}: expected a path from the root, since a service has its own folder`),
    );
  }
  const settings = settingsFrom(environment);
  if (settings.port === 0) throw new SettingsError(['PORT=0: expected a port of its own, that nginx can be told']);
  return { settings, reads };
}
