// The cloud's doctor on systems with planted faults: it reports exactly the planted fault and its remedy.
import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer as createHttp } from 'node:http';
import { createServer as createHttps } from 'node:https';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { exitCodeOf } from '../../src/base/index.ts';
import { type BenchFiles, benchCertificates } from '../../src/identity/index.ts';
import { findMosquitto, Mosquitto } from '../../test/support/mosquitto.ts';
import { freePort } from '../../test/support/ports.ts';
import { Postgres } from '../../test/support/postgres.ts';
import { migrate } from '../src/database/migrate.ts';
import { postgresDatabase } from '../src/database/postgres.ts';
import { checkBroker } from '../src/doctor/broker.ts';
import { type Finding, findingsOf, ok, problem, warning } from '../src/doctor/check.ts';
import { checkDatabase } from '../src/doctor/database.ts';
import { checkInstance, checkOrigin } from '../src/doctor/http.ts';
import { checkCertificate, checkSettings } from '../src/doctor/settings.ts';
import { checkStore } from '../src/doctor/store.ts';
import { type Environment, exportToSdk } from '../src/settings/index.ts';
import { cloudCommand } from './support/commandLine.ts';
import { NO_POSTGRES } from './support/databases.ts';
import { BUCKET, findVersitygw, REGION, startVersitygw, type TestStore } from './support/objectStore.ts';

const NO_MOSQUITTO = findMosquitto() === null && 'skipped: Mosquitto is not installed (apt-get install mosquitto)';
const SOURCES = fileURLToPath(new URL('../src/doctor', import.meta.url));
const README = fileURLToPath(new URL('../README.md', import.meta.url));
/** s3rver, the other test store, answers 403 to every HeadBucket request. */
const NO_VERSITYGW = findVersitygw() === null && 'skipped: versitygw is not built (install Go, run bin/setup)';
const DAY_MS = 86_400_000;
const SECRET_KEY = 'a secret of tests, long enough for them';

let folder = '';
let files: BenchFiles;

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'elderly-bot-doctor-'));
  files = await benchCertificates(folder, 'elderly-bot');
});
after(() => rmSync(folder, { recursive: true, force: true }));

const codes = (findings: readonly Finding[]): string[] => findings.filter(({ status }) => status !== 'ok').map(({ code }) => code);

test('checks run in parallel, and a check that hangs or throws hides no other check', async () => {
  const never = new Promise<Finding[]>(() => {});
  const findings = await findingsOf([
    { name: 'hangs', deadlineMs: 50, run: () => never },
    { name: 'throws', deadlineMs: 50, run: () => Promise.reject(new Error('ours')) },
    { name: 'fine', deadlineMs: 50, run: () => Promise.resolve([ok('fine', 'seen')]) },
  ]);
  assert.deepEqual(
    findings.map(({ code, status }) => [code, status]),
    [
      ['hangs_timeout', 'error'],
      ['throws', 'unknown'],
      ['fine', 'ok'],
    ],
  );
});

test('exit code 0 means no problems, 1 problems, 2 a failed check', () => {
  const unknown: Finding = { code: 'x', status: 'unknown', observed: '', remedy: null };
  assert.equal(exitCodeOf([ok('a', '')]), 0);
  assert.equal(exitCodeOf([ok('a', ''), warning('b', '', '')]), 1);
  assert.equal(exitCodeOf([unknown, problem('b', '', '')]), 1);
  assert.equal(exitCodeOf([unknown, ok('a', '')]), 2);
});

test('each invalid setting has its own code', async () => {
  const findings = await checkSettings({
    AWS_IOT_ENDPOINT: 'mqtt://127.0.0.1',
    SECRET_KEY: 'short',
    PORT: 'http',
    DATABASE_URL: 'mysql://x',
  });
  assert.deepEqual(codes(findings).sort(), ['setting_database_url', 'setting_port', 'setting_secret_key']);
  assert.deepEqual(codes(await checkSettings({ AWS_IOT_ENDPOINT: 'mqtt://127.0.0.1', SECRET_KEY })), []);
});

test('the cloud’s certificate is reported if it expires soon, has expired or is not valid yet', async () => {
  const issue = (file: string, from: number, to: number): Promise<{ cert: string }> =>
    files.authority.issue(folder, file, {
      name: 'elderly-bot-cloud',
      notBefore: new Date(Date.now() + from),
      notAfter: new Date(Date.now() + to),
    });
  for (const [name, from, to, expected] of [
    ['valid', -DAY_MS, 60 * DAY_MS, []],
    ['soon', -DAY_MS, 5 * DAY_MS, ['certificate_expires']],
    ['expired', -9 * DAY_MS, -DAY_MS, ['certificate_expired']],
    ['tomorrow', DAY_MS, 60 * DAY_MS, ['certificate_not_yet_valid']],
  ] as const) {
    const { cert } = await issue(name, from, to);
    assert.deepEqual(codes(await checkCertificate({ AWS_CERT_FILE: cert }, Date.now())), expected);
  }
});

describe('the database', { skip: NO_POSTGRES }, () => {
  let server: Postgres;
  let url = '';
  before(async () => {
    server = await Postgres.start();
    url = await server.createDatabase();
  });
  after(() => server.stop());
  const inspect = async (databaseUrl: string): Promise<string[]> => codes(await checkDatabase({ databaseUrl, dataDir: '' }));

  test('is reported with old tables or the tables of a newer program', async () => {
    assert.deepEqual(await inspect(url), ['database_behind']);
    const db = postgresDatabase({ url });
    await migrate(db);
    assert.deepEqual(await inspect(url), []);
    await db.query("insert into cloud_migrations (number, name) values (9999, 'from tomorrow')");
    await db.close();
    assert.deepEqual(await inspect(url), ['database_version']);
  });

  test('is reported if it only reads', async () => {
    const readOnly = `${url}?options=${encodeURIComponent('-c default_transaction_read_only=on')}`;
    assert.deepEqual(await inspect(readOnly), ['database_read_only']);
  });

  test('is reported if it does not exist, refuses the user, does not listen, has an unknown host or lacks TLS', async () => {
    assert.deepEqual(await inspect(server.urlOf('nothing')), ['database_missing']);
    assert.deepEqual(await inspect(url.replace('postgres@', 'nobody@')), ['database_login']);
    assert.deepEqual(await inspect(`postgresql://u:secret@127.0.0.1:${await freePort()}/db`), ['database_refused']);
    assert.deepEqual(await inspect('postgresql://u:secret@database.invalid/db'), ['database_name']);
    assert.deepEqual(await inspect(`${url}?sslmode=verify-full`), ['database_tls']);
  });

  test('a timeout points to a firewall or security group, and the finding shows no password', async () => {
    const silent = await listening(createServer());
    const findings = await checkDatabase({ databaseUrl: `postgresql://u:secret@127.0.0.1:${silent.port}/db`, dataDir: '' });
    await silent.stop();
    assert.deepEqual(codes(findings), ['database_timeout']);
    assert.match(String(findings[0]?.remedy), /security group/);
    assert.doesNotMatch(JSON.stringify(findings), /secret/);
  });
});

test('the database in the process is reported if it is missing or in memory', async () => {
  assert.deepEqual(codes(await checkDatabase({ databaseUrl: null, dataDir: join(folder, 'none') })), ['database_empty']);
  assert.deepEqual(codes(await checkDatabase({ databaseUrl: null, dataDir: 'memory:' })), ['database_in_memory']);
});

describe('the broker', { skip: NO_MOSQUITTO }, () => {
  let broker: Mosquitto;
  before(async () => {
    broker = await Mosquitto.start({ certificates: files });
  });
  after(() => broker.stop());
  const settings = (more: Record<string, string> = {}): Record<string, string> => ({
    AWS_IOT_ENDPOINT: `localhost:${broker.port}`,
    AWS_ROOT_CA: files.ca,
    AWS_CERT_FILE: files.cloud.cert,
    AWS_PRIVATE_KEY: files.cloud.key,
    ...more,
  });

  test('is not reported if it accepts the cloud', async () => {
    assert.deepEqual(codes(await checkBroker(settings())), []);
  });

  test('is reported with a certificate of another CA, a closed port or an unknown host, and skipped without credentials', async () => {
    const other = await benchCertificates(join(folder, 'other'), 'elderly-bot');
    assert.deepEqual(codes(await checkBroker(settings({ AWS_ROOT_CA: other.ca }))), ['broker_tls']);
    assert.deepEqual(codes(await checkBroker(settings({ AWS_IOT_ENDPOINT: `localhost:${await freePort()}` }))), ['broker_refused']);
    assert.deepEqual(codes(await checkBroker(settings({ AWS_IOT_ENDPOINT: 'broker.invalid' }))), ['broker_name']);
    assert.deepEqual(codes(await checkBroker(settings({ AWS_CERT_FILE: 'gone.pem' }))), ['broker']);
  });

  test('is reported with the policy as the remedy if it closes or refuses the connection', async () => {
    const hangsUp = await listening(createServer((socket) => socket.once('data', () => socket.destroy())));
    assert.deepEqual(codes(await checkBroker({ AWS_IOT_ENDPOINT: `mqtt://127.0.0.1:${hangsUp.port}` })), ['broker_closed']);
    await hangsUp.stop();
    const closed = await Mosquitto.start({ lines: ['allow_anonymous false'] });
    const findings = await checkBroker({ AWS_IOT_ENDPOINT: `mqtt://127.0.0.1:${closed.port}` });
    await closed.stop();
    assert.deepEqual(codes(findings), ['broker_not_authorized']);
    assert.match(String(findings[0]?.remedy), /cloud\/aws\/policies\/README\.md/);
  });
});

describe('HTTP', () => {
  const answering = (status: number, body: unknown): Promise<Listening> =>
    listening(createHttp((_request, response) => response.writeHead(status).end(JSON.stringify(body))));

  test('an instance is reported if it is degraded, not running or another program', async () => {
    const fault = { code: 'broker_lost', text: 'no subscription', remedy: 'read the log' };
    for (const [status, body, expected] of [
      [200, { status: 'ok', database: 'ok', broker: 'subscribed' }, []],
      [503, { status: 'degraded', faults: [fault, fault] }, ['instance_degraded', 'instance_degraded']],
      [503, { status: 'degraded', database: 'ok', broker: 'connecting' }, ['instance_degraded']],
      [403, { detail: 'this route needs MONITOR_TOKEN' }, ['instance_refused']],
      [404, 'nothing here', ['port_taken']],
    ] as const) {
      const instance = await answering(status, body);
      assert.deepEqual(codes(await checkInstance({ PORT: String(instance.port) })), expected);
      await instance.stop();
    }
    assert.deepEqual(codes(await checkInstance({ PORT: String(await freePort()) })), ['instance_not_running']);
    const [unreadable] = await checkInstance({ PORT: 'abc' });
    assert.deepEqual([unreadable?.status, unreadable?.remedy], ['skipped', null]);
  });

  test('the public address is reported if it has no instance, no nginx or no DNS name, and skipped if it is not set', async () => {
    const gateway = await answering(502, 'Bad Gateway');
    assert.deepEqual(codes(await checkOrigin({ PUBLIC_ORIGIN: `http://127.0.0.1:${gateway.port}` })), ['origin_bad_gateway']);
    await gateway.stop();
    assert.deepEqual(codes(await checkOrigin({ PUBLIC_ORIGIN: `http://127.0.0.1:${await freePort()}` })), ['origin_refused']);
    assert.deepEqual(codes(await checkOrigin({ PUBLIC_ORIGIN: 'https://cloud.invalid', TRUST_PROXY: '127.0.0.1' })), ['origin_name']);
    assert.deepEqual(codes(await checkOrigin({})), ['origin']);
  });

  test('a public address that opens the metrics, and a proxy that is not trusted, are reported', async () => {
    let metrics = 404;
    const proxy = await listening(createHttp(({ url }, response) => response.writeHead(url === '/metrics' ? metrics : 200).end('{}')));
    const check = async () => codes(await checkOrigin({ PUBLIC_ORIGIN: `http://127.0.0.1:${proxy.port}` }));
    assert.deepEqual(await check(), []);
    metrics = 200;
    assert.deepEqual(await check(), ['monitoring_open']);
    await proxy.stop();
    assert.deepEqual(codes(await checkOrigin({ PUBLIC_ORIGIN: 'https://cloud.invalid' })), ['proxy_not_trusted', 'origin_name']);
  });

  test('an expired certificate of the public address is reported', async () => {
    const over = await files.authority.issue(folder, 'site', {
      name: 'localhost',
      server: true,
      hosts: ['localhost'],
      notBefore: new Date(Date.now() - 9 * DAY_MS),
      notAfter: new Date(Date.now() - DAY_MS),
    });
    const site = await listening(createHttps({ cert: readFileSync(over.cert), key: readFileSync(over.key) }));
    const findings = await checkOrigin({ PUBLIC_ORIGIN: `https://localhost:${site.port}`, TRUST_PROXY: '127.0.0.1' });
    await site.stop();
    assert.deepEqual(codes(findings), ['origin_certificate_expired']);
    assert.match(String(findings[0]?.remedy), /certbot renew/);
  });
});

describe('the bucket', { skip: NO_VERSITYGW }, () => {
  let server: TestStore;
  before(async () => {
    server = await startVersitygw();
  });
  after(() => server.stop());

  /** The SDK reads its own variables from the environment of the process. */
  const inspect = async (over: Environment = {}): Promise<string[]> => {
    const { accessKeyId: AWS_ACCESS_KEY_ID, secretAccessKey: AWS_SECRET_ACCESS_KEY } = server.credentials;
    const defaults = {
      S3_BUCKET: BUCKET,
      AWS_ENDPOINT_URL_S3: server.endpoint,
      AWS_REGION: REGION,
      AWS_ACCESS_KEY_ID,
      AWS_SECRET_ACCESS_KEY,
    };
    const none = { AWS_EC2_METADATA_DISABLED: 'true', AWS_CONFIG_FILE: '/dev/null', AWS_SHARED_CREDENTIALS_FILE: '/dev/null' };
    const environment: Environment = { ...none, ...defaults, ...over };
    const before = { ...process.env };
    for (const [name, value] of Object.entries(environment)) if (value === undefined) delete process.env[name];
    exportToSdk(environment);
    try {
      return codes(await checkStore(environment));
    } finally {
      for (const name of Object.keys(environment)) delete process.env[name];
      Object.assign(process.env, before);
    }
  };

  test('is reported if it does not exist, refuses the key or has no key', async () => {
    assert.deepEqual(await inspect(), []);
    assert.deepEqual(await inspect({ S3_BUCKET: 'no-such-bucket' }), ['store_missing']);
    assert.deepEqual(await inspect({ AWS_SECRET_ACCESS_KEY: 'another' }), ['store_denied']);
    assert.deepEqual(await inspect({ AWS_ACCESS_KEY_ID: undefined, AWS_SECRET_ACCESS_KEY: undefined }), ['store_credentials']);
    assert.deepEqual(await inspect({ AWS_REGION: undefined }), ['store_credentials']);
  });

  test('is reported without encryption, because robots send nothing to it', async () => {
    const url = new URL(server.endpoint);
    url.hostname = '0.0.0.0';
    assert.deepEqual(await inspect({ AWS_ENDPOINT_URL_S3: url.origin }), ['store_without_tls']);
  });

  test('is reported in another region and at an unreachable store', async () => {
    const elsewhere = createHttp((_request, response) => response.writeHead(301).end());
    await new Promise<void>((resolve) => elsewhere.listen(0, '127.0.0.1', resolve));
    try {
      const url = `http://127.0.0.1:${(elsewhere.address() as AddressInfo).port}`;
      assert.deepEqual(await inspect({ AWS_ENDPOINT_URL_S3: url }), ['store_region']);
    } finally {
      elsewhere.close();
    }
    assert.deepEqual(await inspect({ AWS_ENDPOINT_URL_S3: `http://127.0.0.1:${await freePort()}` }), ['store_unreachable']);
    assert.deepEqual(await inspect({ AWS_ENDPOINT_URL_S3: 'http://store.invalid' }), ['store_unreachable']);
  });

  test('is checked with the variables of .env, as in serve', async () => {
    const cwd = mkdtempSync(join(folder, 'bucket-'));
    const { accessKeyId, secretAccessKey } = server.credentials;
    const lines = {
      S3_BUCKET: BUCKET,
      AWS_ENDPOINT_URL_S3: server.endpoint,
      AWS_REGION: REGION,
      AWS_ACCESS_KEY_ID: accessKeyId,
      AWS_SECRET_ACCESS_KEY: secretAccessKey,
    };
    writeFileSync(
      join(cwd, '.env'),
      Object.entries(lines)
        .map(([name, value]) => `${name}=${value}\n`)
        .join(''),
    );
    const { stdout } = await cloudCommand(['doctor', '--json'], { AWS_EC2_METADATA_DISABLED: 'true' }, cwd);
    const { checks } = JSON.parse(stdout) as { checks: Finding[] };
    assert.deepEqual(
      checks.filter(({ code }) => code.startsWith('store')),
      [{ code: 'store', status: 'ok', observed: `${BUCKET} answers`, remedy: null }],
    );
  });
});

test('the README lists exactly the codes in the sources', () => {
  const sources = readdirSync(SOURCES).map((name) => readFileSync(join(SOURCES, name), 'utf8'));
  const inCode = sources.flatMap((text) =>
    [...text.matchAll(/(?:(?:problem|warning)\(|(?:name|refused|timeout|tls|other): \[)\s*'([a-z_]+)'/g)].map(([, code]) => code),
  );
  const [, listed = ''] = /Its codes:([\s\S]*?)It changes nothing/.exec(readFileSync(README, 'utf8')) ?? [];
  let group = '';
  const inReadme = [...listed.matchAll(/`([a-z_]+)`/g)].map(([, code = '']) => {
    if (!code.startsWith('_')) group = code.split('_')[0] ?? '';
    return code.startsWith('_') ? `${group}${code}` : code;
  });
  // `setting_` is followed by the setting's name. `store_timeout` is an example of a check that hangs.
  const whole = inReadme.filter((code) => !['setting_', 'store_timeout'].includes(code));
  assert.deepEqual([...new Set(whole)].sort(), [...new Set(inCode)].sort());
});

test('the command prints one line or JSON entry for each finding, and exits with code 1 for a problem', async () => {
  writeFileSync(
    join(folder, '.env'),
    `AWS_IOT_ENDPOINT=mqtt://127.0.0.1:${await freePort()}\nSECRET_KEY=short\nPORT=${await freePort()}\n`,
  );
  const said = await cloudCommand(['doctor'], {}, folder);
  assert.equal(said.code, 1);
  assert.match(
    said.stdout,
    /^ERROR {4}SECRET_KEY=\.\.\.: expected at least 32 secret characters .*, not 5; set SECRET_KEY in the environment or in \.env.* \[setting_secret_key\]$/m,
  );
  assert.match(said.stdout, /^ERROR .* no program listens there; start the broker.* \[broker_refused\]$/m);
  const { checks } = JSON.parse((await cloudCommand(['doctor', '--json'], {}, folder)).stdout) as { checks: Finding[] };
  assert.deepEqual(codes(checks), ['setting_secret_key', 'database_empty', 'broker_refused', 'instance_not_running', 'origin', 'store']);
});

interface Listening {
  readonly port: number;
  stop(): Promise<void>;
}

async function listening(server: Server): Promise<Listening> {
  const sockets = new Set<import('node:net').Socket>();
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    async stop() {
      for (const socket of sockets) socket.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}
