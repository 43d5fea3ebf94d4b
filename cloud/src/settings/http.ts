// The settings of the HTTP side: the secret that signs tokens, who may call from where, and which devices are believed.

import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { messageOf } from '../../../src/base/index.ts';

const MIN_SECRET_CHARACTERS = 32;

export interface HttpSettings {
  readonly secretKey: string;
  /** Origins of web pages that may call; none by default. */
  readonly corsOrigins: readonly string[];
  /** As robots and browsers reach it, such as `https://cloud.example.org`; null: as it listens. */
  readonly publicOrigin: string | null;
  /** The CA whose certificates make a device; null: only certificates that were added. */
  readonly deviceCa: X509Certificate | null;
  /** Addresses and networks, beside the machine itself, that may see /healthz and /metrics. */
  readonly monitorAllow: readonly string[];
}

type Environment = Readonly<Record<string, string | undefined>>;

/** @param lines gets a line for each value that can't be used. */
export function httpSettingsFrom(environment: Environment, lines: string[]): HttpSettings {
  const secretKey = environment.SECRET_KEY ?? '';
  if (secretKey.length < MIN_SECRET_CHARACTERS) {
    const found = secretKey === '' ? 'is not set' : `has ${secretKey.length} characters`;
    lines.push(`SECRET_KEY ${found}: at least ${MIN_SECRET_CHARACTERS} characters that nobody knows (openssl rand -base64 48)`);
  }
  const corsOrigins = listFrom(environment.CORS_ORIGINS);
  for (const origin of corsOrigins) if (!isOrigin(origin)) lines.push(`CORS_ORIGINS=${origin}: ${ORIGIN}`);
  const publicOrigin = environment.PUBLIC_ORIGIN || null;
  if (publicOrigin !== null && !isOrigin(publicOrigin)) lines.push(`PUBLIC_ORIGIN=${publicOrigin}: ${ORIGIN}`);
  const monitorAllow = listFrom(environment.MONITOR_ALLOW);
  for (const entry of monitorAllow) {
    const problem = allowProblem(entry);
    if (problem) lines.push(`MONITOR_ALLOW=${problem}`);
  }
  return { secretKey, corsOrigins, publicOrigin, deviceCa: caFrom(environment.DEVICE_CA, lines), monitorAllow };
}

const ORIGIN = 'expected an origin without a path, such as https://family.example.org';

function isOrigin(text: string): boolean {
  return URL.canParse(text) && /^https?:/.test(text) && new URL(text).origin === text;
}

/** @returns what is wrong with an entry: an address or a network such as 10.0.0.0/8; null where nothing is. */
function allowProblem(entry: string): string | null {
  const [address = '', bits, more] = entry.split('/');
  const version = isIP(address);
  const most = version === 4 ? 32 : 128;
  const valid = version > 0 && more === undefined && (bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= most));
  return valid ? null : `${entry || 'an empty entry'}: expected an address or a network such as 10.0.0.0/8`;
}

function listFrom(text: string | undefined): string[] {
  return (text ?? '')
    .split(',')
    .map((entry) => entry.trim())
    .filter(Boolean);
}

function caFrom(path: string | undefined, lines: string[]): X509Certificate | null {
  if (!path) return null;
  try {
    const certificate = new X509Certificate(readFileSync(path));
    if (certificate.ca) return certificate;
    lines.push(`DEVICE_CA=${path}: this certificate is no CA`);
  } catch (error) {
    lines.push(`DEVICE_CA=${path}: ${messageOf(error)}; expected the PEM file of the CA that signs the robots' certificates`);
  }
  return null;
}
