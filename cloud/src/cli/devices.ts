// The command `device add|revoke|list`: manages the certificates that identify robots at POST /uploads. A certificate is not a secret. Its
// key never leaves the robot.
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { present, print } from '../../../src/base/index.ts';
import { addCertificate, revokeCertificate } from '../auth/index.ts';
import { Refusal, readFailure, SettingsError } from '../errors/index.ts';
import { onDatabase } from './database.ts';
import { requireThing } from './robots.ts';

export async function addDevice(thing: string, file: string): Promise<number> {
  requireThing(thing);
  const pem = readCertificate(file);
  return onDatabase(async (db) => {
    const fingerprint = await addCertificate(db, thing, pem);
    if (fingerprint === null)
      throw new Refusal(`${file} is the certificate of another robot (elderly-bot-cloud device list); nothing changed`);
    const { validTo } = new X509Certificate(pem);
    const hasExpired = Date.parse(validTo) < Date.now();
    await print(`added ${fingerprint} for ${thing}; the certificate ${hasExpired ? 'was' : 'is'} valid until ${validTo}`);
    if (hasExpired) throw new Refusal(`${file} has expired, so the cloud refuses its uploads; install a new certificate on the robot`);
    return 0;
  });
}

export async function revokeDevice(thing: string, file: string): Promise<number> {
  requireThing(thing);
  const pem = readCertificate(file);
  return onDatabase(async (db) => {
    await print(`revoked ${await revokeCertificate(db, thing, pem)} of ${thing}; device add restores it`);
    return 0;
  });
}

interface Device {
  readonly thing: string;
  readonly fingerprint: string;
  readonly added_at: Date;
  readonly revoked_at: Date | null;
  /** The fingerprint of the certificate that announced this one. Null if it was added with `device add`. */
  readonly announced_by: string | null;
  readonly certificate: string;
}

export function listDevices(thing: string | undefined, json: boolean): Promise<number> {
  return onDatabase(async (db) => {
    const devices = await db.query<Device>(
      `select thing, fingerprint, added_at, revoked_at, announced_by, certificate from device_certificates
      where $1::text is null or thing = $1 order by thing, added_at`,
      [thing ?? null],
    );
    const listed = devices.map(({ certificate, ...device }) => ({
      ...device,
      good_until: new Date(new X509Certificate(certificate).validTo),
    }));
    const none = `no certificates${thing === undefined ? '' : ` of ${thing}`} yet: elderly-bot-cloud device add ${thing ?? 'THING'} CERT`;
    await present(listed, json, (found) => (found.length === 0 ? none : found.map(lineOf)));
    return 0;
  });
}

function lineOf({ thing, fingerprint, revoked_at, good_until }: Omit<Device, 'certificate'> & { readonly good_until: Date }): string {
  const state = revoked_at
    ? `revoked ${dayOf(revoked_at)}`
    : `${good_until.getTime() < Date.now() ? 'expired' : 'valid until'} ${dayOf(good_until)}`;
  return `${thing.padEnd(24)} ${fingerprint}  ${state}`;
}

function dayOf(time: Date): string {
  return time.toISOString().slice(0, 10);
}

function readCertificate(file: string): string {
  let pem: string;
  try {
    pem = readFileSync(file, 'utf8');
  } catch (error) {
    throw new SettingsError([`${file}: ${readFailure(error)}`]);
  }
  if (pem.includes('PRIVATE KEY')) {
    throw new SettingsError([
      `${file} contains a private key, which must stay on the robot; use the file with only the certificate (robot.crt.pem)`,
    ]);
  }
  try {
    return new X509Certificate(pem).toString();
  } catch {
    throw new SettingsError([`${file} is not a PEM certificate (the first line must be -----BEGIN CERTIFICATE-----)`]);
  }
}
