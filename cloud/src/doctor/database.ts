// The database: reachable, encrypted, the login accepted, tables of this version, and its clock compared with this machine's.

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { messageOf } from '../../../src/base/index.ts';
import type { DatabaseSettings } from '../database/index.ts';
import { pendingMigrations, postgresDatabase } from '../database/index.ts';
import { Refusal } from '../errors/index.ts';
import { type Finding, ok, problem, warning } from './check.ts';
import { reachOf } from './network.ts';

const CONNECT_MS = 6_000;
/** A clock that is off by more makes the tokens of robots with a correct clock invalid. */
const SKEW_MS = 120_000;
const LOOPBACK = /^(localhost|127\.|\[?::1|$)/;

export async function checkDatabase({ databaseUrl, dataDir }: DatabaseSettings): Promise<Finding[]> {
  if (databaseUrl === null) return [inTheProcess(dataDir)];
  const { hostname, port } = new URL(databaseUrl);
  const where = `${hostname || 'localhost'}:${port || 5432}`;
  const client = new pg.Client({
    connectionString: databaseUrl,
    connectionTimeoutMillis: CONNECT_MS,
    application_name: 'elderly-bot-cloud doctor',
  });
  client.on('error', () => {});
  try {
    await client.connect();
    const encrypted = await client.query('select ssl from pg_stat_ssl where pid = pg_backend_pid()');
    const askedMs = Date.now();
    const clock = await client.query('select extract(epoch from clock_timestamp()) * 1000 as ms');
    const skewMs = Number((clock.rows[0] as { ms: string }).ms) - (askedMs + Date.now()) / 2;
    const tls = (encrypted.rows[0] as { ssl: boolean } | undefined)?.ssl === true;
    return [...(await versionOf(databaseUrl, where, tls)), ...inTheClear(hostname, where, tls), ...clockOf(skewMs)];
  } catch (error) {
    return [whyNot(error, where)];
  } finally {
    await client.end().catch(() => {});
  }
}

async function versionOf(url: string, where: string, tls: boolean): Promise<Finding[]> {
  const db = postgresDatabase({ url, connections: 1 });
  try {
    const pending = await pendingMigrations(db);
    if (pending.length > 0)
      return [
        warning('database_behind', `${where}: ${pending.length} migrations are to be done`, 'elderly-bot-cloud migrate, or start serve'),
      ];
    return [ok('database', `${where} answers${tls ? ', encrypted' : ''}, its tables are of this version`)];
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return [problem('database_version', error.message, 'the version of the program and of the database have to fit')];
  } finally {
    await db.close();
  }
}

function inTheClear(hostname: string, where: string, tls: boolean): Finding[] {
  if (tls || LOOPBACK.test(hostname)) return [];
  return [
    warning(
      'database_in_the_clear',
      `${where} is spoken to without TLS`,
      'add ?sslmode=verify-full&sslrootcert=/path/to/ca.pem to DATABASE_URL',
    ),
  ];
}

function clockOf(skewMs: number): Finding[] {
  if (Math.abs(skewMs) < SKEW_MS) return [];
  const observed = `this machine's clock is ${Math.abs(Math.round(skewMs / 1_000))} s ${skewMs > 0 ? 'behind' : 'ahead of'} the database's`;
  return [problem('clock', observed, 'let both take the time from the network (timedatectl set-ntp true)')];
}

function whyNot(error: unknown, where: string): Finding {
  const { code } = error as { code?: unknown };
  const text = messageOf(error);
  if (code === '28P01' || /password|SCRAM/i.test(text))
    return problem('database_login', `${where}: ${text}`, 'check user and password in DATABASE_URL');
  if (code === '3D000') return problem('database_missing', `${where}: ${text}`, 'create it: createdb, as a user who may');
  if (code === '28000' && /no encryption|SSL off/i.test(text))
    return problem(
      'database_tls',
      `${where} takes encrypted connections only: ${text}`,
      'add ?sslmode=verify-full&sslrootcert=/path/to/ca.pem to DATABASE_URL',
    );
  if (code === '28000')
    return problem('database_login', `${where}: ${text}`, 'pg_hba.conf of the server has to let this user in from here');
  const reach = reachOf(error);
  if (reach === 'name') return problem('database_name', `${where}: there is no such host`, 'check the host in DATABASE_URL');
  if (reach === 'refused')
    return problem('database_refused', `${where}: nobody listens there`, 'start PostgreSQL, or check host and port in DATABASE_URL');
  if (reach === 'timeout')
    return problem(
      'database_timeout',
      `${where}: no answer to a connect within ${CONNECT_MS / 1_000} s`,
      "a firewall drops it: let this machine in to that port, on AWS in the database's security group",
    );
  if (reach === 'tls')
    return problem(
      'database_tls',
      `${where}: ${text}`,
      'check sslmode and sslrootcert in DATABASE_URL: the CA of RDS is global-bundle.pem, and the host has to be the name in its certificate',
    );
  return problem('database_failed', `${where}: ${text}`, "look at the server's log");
}

function inTheProcess(dataDir: string): Finding {
  if (dataDir === 'memory:')
    return warning('database_in_memory', 'CLOUD_DATA_DIR=memory: ends with the process', 'set DATABASE_URL for anything that is to last');
  if (existsSync(join(dataDir, 'PG_VERSION')))
    return ok('database', `the database in the process, in ${dataDir}; for a try: a power cut can cost what came last`);
  return warning('database_empty', `there is no database in ${dataDir} yet`, 'serve makes one there; set DATABASE_URL for PostgreSQL');
}
