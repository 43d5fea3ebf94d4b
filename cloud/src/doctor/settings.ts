// The settings as `serve` would read them, and the cloud's own certificate.
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { SettingsError } from '../errors/index.ts';
import { type Environment, settingsFrom } from '../settings/index.ts';
import { type Finding, ok, problem, warning } from './check.ts';

const DAY_MS = 86_400_000;
const SOON_DAYS = 30;

export function checkSettings(environment: Environment): Promise<Finding[]> {
  try {
    settingsFrom(environment);
    return Promise.resolve([ok('settings', 'all settings can be used')]);
  } catch (error) {
    if (!(error instanceof SettingsError)) return Promise.reject(error);
    return Promise.resolve(error.lines.map(findingOf));
  }
}

/** A line of a SettingsError begins with the name of its setting, and says what is expected. */
function findingOf(line: string): Finding {
  const name = /^[A-Z][A-Z0-9_]*/.exec(line)?.[0] ?? 'settings';
  return problem(`setting_${name.toLowerCase()}`, line, `set ${name} in the environment or in .env; cloud/.env.example explains it`);
}

/** `readCredentials` does not check whether the certificate is valid today. */
export function checkCertificate({ AWS_CERT_FILE: file }: Environment, nowMs: number): Promise<Finding[]> {
  if (!file) return Promise.resolve([]);
  let certificate: X509Certificate;
  try {
    certificate = new X509Certificate(readFileSync(file));
  } catch {
    // The check of the settings reports this.
    return Promise.resolve([]);
  }
  const { validFrom, validTo } = certificate;
  const daysLeft = Math.floor((Date.parse(validTo) - nowMs) / DAY_MS);
  const renew = `make a new one, attach the cloud's policy to it, and put it to AWS_CERT_FILE and AWS_PRIVATE_KEY`;
  if (Date.parse(validFrom) > nowMs) {
    return Promise.resolve([
      problem('certificate_not_yet_valid', `${file} is good from ${validFrom} on`, "look at this machine's clock (timedatectl)"),
    ]);
  }
  if (daysLeft < 0) return Promise.resolve([problem('certificate_expired', `${file} was good until ${validTo}`, renew)]);
  if (daysLeft < SOON_DAYS)
    return Promise.resolve([warning('certificate_expires', `${file} is good until ${validTo}, ${daysLeft} days`, renew)]);
  return Promise.resolve([ok('certificate', `${file} is good until ${validTo}`)]);
}
