// The command `doctor`: finds the faults of this cloud and prints their remedies. It changes nothing and receives no messages from robots.
import { exitCodeOf, present } from '../../../src/base/index.ts';
import {
  type Check,
  checkBroker,
  checkCertificate,
  checkDatabase,
  checkInstance,
  checkOrigin,
  checkSettings,
  checkStore,
  type Finding,
  findingsOf,
  skipped,
} from '../doctor/index.ts';
import { SettingsError } from '../errors/index.ts';
import { databaseSettingsFrom, type Environment, exportToSdk, readEnvironment } from '../settings/index.ts';

const QUICK_MS = 2_000;
const NETWORK_MS = 20_000;

export async function doctor(json: boolean): Promise<number> {
  const environment = readEnvironment(process.env, '.env');
  exportToSdk(environment);
  const findings = await findingsOf(checksOf(environment));
  await present({ checks: findings }, json, ({ checks }) => checks.map(lineOf));
  return exitCodeOf(findings);
}

function checksOf(environment: Environment): Check[] {
  return [
    { name: 'settings', deadlineMs: QUICK_MS, run: () => checkSettings(environment) },
    { name: 'certificate', deadlineMs: QUICK_MS, run: () => checkCertificate(environment, Date.now()) },
    { name: 'database', deadlineMs: NETWORK_MS, run: () => databaseOf(environment) },
    { name: 'broker', deadlineMs: NETWORK_MS, run: () => checkBroker(environment) },
    { name: 'instance', deadlineMs: NETWORK_MS, run: () => checkInstance(environment) },
    { name: 'origin', deadlineMs: NETWORK_MS, run: () => checkOrigin(environment) },
    { name: 'store', deadlineMs: NETWORK_MS, run: () => checkStore(environment) },
  ];
}

async function databaseOf(environment: Environment): Promise<readonly Finding[]> {
  try {
    return await checkDatabase(databaseSettingsFrom(environment));
  } catch (error) {
    if (!(error instanceof SettingsError)) throw error;
    return [skipped('database', 'DATABASE_URL is not valid')];
  }
}

const SIGNS = { ok: 'ok', warning: 'warning', error: 'ERROR', skipped: '-', unknown: '?' } as const;

function lineOf({ code, status, observed, remedy }: Finding): string {
  return `${SIGNS[status].padEnd(8)} ${observed}${remedy === null ? '' : `; ${remedy} [${code}]`}`;
}
