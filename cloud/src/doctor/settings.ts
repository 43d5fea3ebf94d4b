// Checks the settings, as `serve` would read them, and the cloud's own certificate.
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { SettingsError } from '../errors/index.ts';
import { type Environment, settingsFrom } from '../settings/index.ts';
import { type Finding, ok, problem, warning } from './check.ts';

const DAY_MS = 86_400_000;
const SOON_DAYS = 30;

export async function checkSettings(environment: Environment): Promise<Finding[]> {
  try {
    settingsFrom(environment);
    return [ok('settings', 'all settings are valid')];
  } catch (error) {
    if (!(error instanceof SettingsError)) throw error;
    return error.lines.map(findingOf);
  }
}

/** @param line begins with the name of its setting. */
function findingOf(line: string): Finding {
  const name = /^[A-Z][A-Z0-9_]*/.exec(line)?.[0] ?? 'settings';
  return problem(`setting_${name.toLowerCase()}`, line, `set ${name} in the environment or in .env; cloud/.env.example explains it`);
}

/** Checks the dates of the certificate. `readCredentials` does not check them. */
export async function checkCertificate({ AWS_CERT_FILE: file }: Environment, nowMs: number): Promise<Finding[]> {
  if (!file) return [];
  let certificate: X509Certificate;
  try {
    certificate = new X509Certificate(readFileSync(file));
  } catch {
    // The check of the settings reports this fault.
    return [];
  }
  const { validFrom, validTo } = certificate;
  const daysLeft = Math.floor((Date.parse(validTo) - nowMs) / DAY_MS);
  const renew = `create a new certificate, attach the cloud's policy to it, and set AWS_CERT_FILE and AWS_PRIVATE_KEY`;
  if (Date.parse(validFrom) > nowMs) {
    return [problem('certificate_not_yet_valid', `${file} is valid from ${validFrom} on`, "check this machine's clock (timedatectl)")];
  }
  if (daysLeft < 0) return [problem('certificate_expired', `${file} was valid until ${validTo}`, renew)];
  if (daysLeft < SOON_DAYS) return [warning('certificate_expires', `${file} is valid until ${validTo}, ${daysLeft} days`, renew)];
  return [ok('certificate', `${file} is valid until ${validTo}`)];
}
