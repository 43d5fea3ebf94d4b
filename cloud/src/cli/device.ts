// `device add|revoke|list`: the certificates by which robots are known to POST /uploads. A certificate is no secret; its key stays on
// the robot.
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { addCertificate, revokeCertificate } from '../auth/index.ts';
import { Refusal, readFailure, SettingsError } from '../errors/index.ts';
import { onDatabase } from './database.ts';
import { print } from './exit.ts';
import { requireThing } from './members.ts';

export async function addDevice(thing: string, file: string): Promise<number> {
  requireThing(thing);
  const pem = readCertificate(file);
  return onDatabase(async (db) => {
    const fingerprint = await addCertificate(db, thing, pem);
    if (fingerprint === null)
      throw new Refusal(`${file} is the certificate of another robot (elderly-bot-cloud device list); nothing changed`);
    const { validTo } = new X509Certificate(pem);
    const over = Date.parse(validTo) < Date.now();
    print(`${thing} is known by ${fingerprint}, which ${over ? 'was good until' : 'is good until'} ${validTo}`);
    if (over) throw new Refusal(`${file} has expired: uploads signed with it are refused; give the robot a new one`);
    return 0;
  });
}

export async function revokeDevice(thing: string, file: string): Promise<number> {
  requireThing(thing);
  const pem = readCertificate(file);
  return onDatabase(async (db) => {
    print(`${await revokeCertificate(db, thing, pem)} of ${thing} is revoked; device add gives it back`);
    return 0;
  });
}

interface Device {
  readonly thing: string;
  readonly fingerprint: string;
  readonly added_at: Date;
  readonly revoked_at: Date | null;
  /** The fingerprint of the certificate before it; null: it was added here. */
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
    if (json) print(JSON.stringify(listed));
    else for (const device of listed) print(lineOf(device));
    if (!json && listed.length === 0)
      print(`no certificates ${thing === undefined ? '' : `of ${thing} `}are known: elderly-bot-cloud device add ${thing ?? 'THING'} CERT`);
    return 0;
  });
}

function lineOf({ thing, fingerprint, revoked_at, good_until }: Omit<Device, 'certificate'> & { readonly good_until: Date }): string {
  const state = revoked_at
    ? `revoked ${dayOf(revoked_at)}`
    : `${good_until.getTime() < Date.now() ? 'expired' : 'good until'} ${dayOf(good_until)}`;
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
    throw new SettingsError([`${file} holds a private key, which is to stay on the robot; give the certificate alone (robot.crt.pem)`]);
  }
  try {
    return new X509Certificate(pem).toString();
  } catch {
    throw new SettingsError([`${file} is no certificate in PEM (it would begin with -----BEGIN CERTIFICATE-----)`]);
  }
}
