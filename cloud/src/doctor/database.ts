// Checks the database: it is reachable and encrypted, it accepts the login, its tables are up to date, and its clock agrees with this
// machine's clock.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { messageOf } from '../../../src/base/index.ts';
import { type DatabaseSettings, pendingMigrations, postgresDatabase, SHARED_CONNECTIONS, sharesConnections } from '../database/index.ts';
import { Refusal } from '../errors/index.ts';
import { type Finding, ok, problem, unreachable, warning } from './check.ts';

const CONNECT_MS = 6_000;
/** If the clocks differ by more, the tokens of robots with a correct clock are invalid. */
const SKEW_MS = 120_000;
/** A Unix socket begins with its path. */
const LOCAL = /^(\/|localhost|127\.|\[?::1)/;
const USE_SESSIONS = 'set pool_mode = session in pgbouncer, or lead DATABASE_URL past the pooler';
const USE_TLS = 'add ?sslmode=verify-full&sslrootcert=/path/to/ca.pem to DATABASE_URL';

export async function checkDatabase({ databaseUrl, dataDir }: DatabaseSettings): Promise<Finding[]> {
  if (databaseUrl === null) return [inTheProcess(dataDir)];
  const client = new pg.Client({
    connectionString: databaseUrl,
    connectionTimeoutMillis: CONNECT_MS,
    application_name: 'elderly-bot-cloud doctor',
  });
  const place = client.host.startsWith('/') ? `${client.host}/.s.PGSQL.${client.port}` : `${client.host}:${client.port}`;
  client.on('error', () => {});
  try {
    await client.connect();
    const { rows } = await client.query<{ ssl: boolean; reads: boolean }>(
      "select ssl, current_setting('transaction_read_only')::boolean as reads from pg_stat_ssl where pid = pg_backend_pid()",
    );
    const askedMs = Date.now();
    const clock = await client.query('select extract(epoch from clock_timestamp()) * 1000 as ms');
    const skewMs = Number((clock.rows[0] as { ms: string }).ms) - (askedMs + Date.now()) / 2;
    const isEncrypted = rows[0]?.ssl === true;
    if (rows[0]?.reads) {
      return [problem('database_read_only', `${place}: the database only reads`, 'lead DATABASE_URL to the primary, not to a standby')];
    }
    const findings = [await versionOf(databaseUrl, `${place}${isEncrypted ? ', encrypted' : ''}`)];
    if (!isEncrypted && !LOCAL.test(client.host)) {
      findings.push(warning('database_in_the_clear', `the connection to ${place} is not encrypted`, USE_TLS));
    }
    if (Math.abs(skewMs) >= SKEW_MS) {
      const observed = `this machine's clock is ${Math.abs(Math.round(skewMs / 1_000))} s ${skewMs > 0 ? 'behind' : 'ahead of'} the database's`;
      findings.push(problem('clock', observed, 'synchronize both clocks over the network (timedatectl set-ntp true)'));
    }
    if (await sharesConnections(databaseUrl)) findings.push(warning('database_pooled', `${place}: ${SHARED_CONNECTIONS}`, USE_SESSIONS));
    return findings;
  } catch (error) {
    return [faultOf(error, place)];
  } finally {
    await client.end().catch(() => {});
  }
}

async function versionOf(url: string, place: string): Promise<Finding> {
  const db = postgresDatabase({ url, connections: 1 });
  try {
    const pending = await pendingMigrations(db);
    if (pending.length === 0) return ok('database', `${place}: the database answers, and its tables are up to date`);
    return warning(
      'database_behind',
      `${place}: ${pending.length} migrations are pending`,
      'run elderly-bot-cloud migrate, or start serve',
    );
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return problem('database_version', error.message, 'use the version of the program that matches the database');
  } finally {
    await db.close();
  }
}

function faultOf(error: unknown, place: string): Finding {
  const { code } = error as { code?: unknown };
  const text = messageOf(error);
  const observed = `${place}: ${text}`;
  if (code === '28P01' || /password|SCRAM/i.test(text))
    return problem('database_login', observed, 'check user and password in DATABASE_URL');
  if (code === '3D000') return problem('database_missing', observed, 'create the database with createdb');
  if (code === '28000') {
    return /no encryption|SSL off/i.test(text)
      ? problem('database_tls', observed, USE_TLS)
      : problem('database_login', observed, 'pg_hba.conf of the server must allow this user to connect from this machine');
  }
  return unreachable(place, error, {
    name: ['database_name', 'check the host in DATABASE_URL'],
    refused: ['database_refused', 'start PostgreSQL, or check host and port in DATABASE_URL'],
    timeout: [
      'database_timeout',
      "a firewall drops the packets: allow this machine to reach that port, on AWS in the database's security group",
    ],
    tls: [
      'database_tls',
      'check sslmode and sslrootcert in DATABASE_URL: the CA of RDS is global-bundle.pem, and the host must be the name in the certificate',
    ],
    other: ['database_failed', "read the server's log"],
  });
}

function inTheProcess(dataDir: string): Finding {
  if (dataDir === 'memory:')
    return warning('database_in_memory', 'CLOUD_DATA_DIR=memory: loses its data when the process ends', 'set DATABASE_URL to keep data');
  if (existsSync(join(dataDir, 'PG_VERSION')))
    return ok('database', `the database in the process, in ${dataDir}; only for a trial, because a power cut can lose the latest data`);
  return warning('database_empty', `there is no database in ${dataDir} yet`, 'serve creates one there; set DATABASE_URL to use PostgreSQL');
}
