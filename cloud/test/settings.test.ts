// The settings of the cloud: defaults, sources, and the texts about invalid values.
import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { type BenchFiles, benchCertificates } from '../../src/identity/index.ts';
import { SettingsError } from '../src/errors/index.ts';
import { patternProblem, placeOf } from '../src/messages/decode.ts';
import { type Environment, monitorTokenOf, readEnvironment, settingsFrom } from '../src/settings/settings.ts';
import { DEFAULT_RETENTION, endpointOf } from '../src/settings/values.ts';

const SECRET_KEY = 'a secret of tests, long enough for them';
const LOCAL = { AWS_IOT_ENDPOINT: 'mqtt://127.0.0.1:1883', SECRET_KEY };
let folder = '';
let files: BenchFiles;

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'elderly-bot-settings-'));
  files = await benchCertificates(folder, 'elderly-bot');
});
after(() => rmSync(folder, { recursive: true, force: true }));

test('a setting that is not set has its default', () => {
  assert.deepEqual(settingsFrom(LOCAL), {
    endpoint: { host: '127.0.0.1', port: 1883, tls: false },
    credentials: null,
    patterns: ['elderly_bot'],
    databaseUrl: null,
    dataDir: './cloud-data',
    host: '127.0.0.1',
    port: 8080,
    publicTelemetry: true,
    defaultThing: null,
    receiptIntervalMs: 300_000,
    publishesPerSecond: 40,
    retention: DEFAULT_RETENTION,
    silentAfterMs: 900_000,
    uploads: null,
    http: {
      secretKey: SECRET_KEY,
      corsOrigins: [],
      publicOrigin: null,
      deviceCa: null,
      trustProxy: [],
      isProxied: false,
      monitorAllow: [],
      monitorToken: monitorTokenOf({ SECRET_KEY }),
    },
    logLevel: 'info',
  });
});

test('the three certificate files are read if the broker uses TLS', () => {
  const settings = settingsFrom(withCertificates());
  assert.equal(settings.endpoint.port, 8883);
  assert.match(settings.credentials?.cert.toString() ?? '', /BEGIN CERTIFICATE/);
});

test('a variable of the environment overrides the file, unless it is empty', () => {
  const file = join(folder, '.env');
  writeFileSync(file, 'PORT=1\nHOST="10.0.0.1"\n# a comment\nTOPIC_PATTERN=fleet/+\n');
  const environment = readEnvironment({ PORT: '2', HOST: '' }, file);
  assert.deepEqual([environment.PORT, environment.HOST, environment.TOPIC_PATTERN], ['2', '10.0.0.1', 'fleet/+']);
  assert.deepEqual(readEnvironment({ PORT: '3' }, join(folder, 'missing')), { PORT: '3' });
});

test('all invalid settings are reported at once, one line each, without secrets', () => {
  const lines = linesOf({
    AWS_IOT_ENDPOINT: 'http://example.org',
    DATABASE_URL: 'mysql://root:hunter2@host/db',
    TOPIC_PATTERN: 'fleet/#',
    PORT: '70000',
    PUBLIC_TELEMETRY: 'maybe',
    RECEIPT_INTERVAL: '5',
    PUBLISHES_PER_SECOND: '0',
    LOG_LEVEL: 'loud',
  });
  const names = ['AWS_IOT_ENDPOINT', 'DATABASE_URL', 'TOPIC_PATTERN', 'PORT', 'PUBLIC_TELEMETRY', 'RECEIPT_INTERVAL', 'LOG_LEVEL'];
  assert.equal(lines.length, 8);
  for (const name of [...names, 'PUBLISHES_PER_SECOND']) {
    assert.equal(lines.filter((line) => line.startsWith(`${name}=`)).length, 1, name);
  }
  assert.doesNotMatch(lines.join('\n'), /hunter/);
});

test('each fault of the certificate files has its own line', () => {
  assert.deepEqual(
    linesOf({}).map((line) => line.split(':')[0]),
    ['AWS_IOT_ENDPOINT is not set'],
  );
  assert.equal(linesOf({ AWS_IOT_ENDPOINT: 'broker.example.org' }).length, 3);
  assert.match(linesOf(withCertificates({ AWS_ROOT_CA: join(folder, 'gone.pem') })).join(), /^AWS_ROOT_CA .*gone\.pem: no such file; /);
  assert.match(linesOf(withCertificates({ AWS_PRIVATE_KEY: files.robot.key })).join(), /key.*mismatch/i);
  assert.match(linesOf(withCertificates({ AWS_CERT_FILE: files.cloud.key })).join(), /AWS_CERT_FILE/);
  chmodSync(files.cloud.key, 0o644);
  assert.match(linesOf(withCertificates()).join(), /other users can read it; chmod 600/);
  chmodSync(files.cloud.key, 0o600);
});

test('an endpoint is a host, a host with port or an mqtts address; without TLS it must be this machine', () => {
  assert.deepEqual(endpointOf('a1-ats.iot.eu-west-1.amazonaws.com'), { host: 'a1-ats.iot.eu-west-1.amazonaws.com', port: 8883, tls: true });
  assert.deepEqual(endpointOf('broker:443'), { host: 'broker', port: 443, tls: true });
  assert.deepEqual(endpointOf('mqtts://10.0.0.7:8884/'), { host: '10.0.0.7', port: 8884, tls: true });
  assert.deepEqual(endpointOf('mqtts://[::1]:8884'), { host: '::1', port: 8884, tls: true });
  for (const bad of ['mqtt://broker.example.org', 'https://broker', 'host:port', 'user@host', 'mqtts://host/path', '']) {
    assert.equal(typeof endpointOf(bad), 'string', bad);
  }
});

test('a plus in a pattern stands for the robot’s name, and a pattern has at most one', () => {
  assert.deepEqual(placeOf(['elderly_bot', 'fleet/+'], 'fleet/r2/backlog'), { prefix: 'fleet/r2', suffix: 'backlog', thing: 'r2' });
  assert.deepEqual(placeOf(['elderly_bot', 'fleet/+'], 'elderly_bot/events'), { prefix: 'elderly_bot', suffix: 'events', thing: null });
  for (const topic of ['fleet/r2/x/backlog', 'fleet/backlog', 'elderly_bot/commands', 'backlog', '/backlog']) {
    assert.equal(placeOf(['elderly_bot', 'fleet/+'], topic), null, topic);
  }
  assert.equal(patternProblem('homes/+/bots'), null);
  for (const bad of ['', '#', 'a//b', '+/+', 'a/b+', '$share/x']) assert.notEqual(patternProblem(bad), null, bad);
});

test('a short secret, an origin with a path and an invalid network are refused, and the secret is not shown', () => {
  const lines = linesOf({
    ...LOCAL,
    SECRET_KEY: 'hunter2',
    CORS_ORIGINS: 'https://a.example.org,https://b.example.org/app',
    PUBLIC_ORIGIN: 'cloud.example.org',
    TRUST_PROXY: '10.0.0.0/16,0.0.0.0/0',
    MONITOR_ALLOW: '10.0.0.0/8,10.0.0.0/33',
    MONITOR_TOKEN: 'hunter3',
    DEVICE_CA: join(folder, 'gone.pem'),
  });
  assert.deepEqual(
    lines.map((line) => line.split(/[= ]/)[0]),
    ['SECRET_KEY', 'CORS_ORIGINS', 'PUBLIC_ORIGIN', 'TRUST_PROXY', 'MONITOR_ALLOW', 'MONITOR_TOKEN', 'DEVICE_CA'],
  );
  assert.match(lines[1] ?? '', /^CORS_ORIGINS=https:\/\/b\.example\.org\/app: expected an origin/);
  assert.match(lines[3] ?? '', /^TRUST_PROXY=0\.0\.0\.0\/0: a network of all addresses/);
  assert.match(lines[4] ?? '', /^MONITOR_ALLOW=10\.0\.0\.0\/33: expected an address/);
  assert.doesNotMatch(lines.join(), /hunter2/);
});

test('an address with https, or a trusted proxy, means that requests over loopback may come from anybody', () => {
  const http = (more: Environment) => settingsFrom({ ...LOCAL, SECRET_KEY, ...more }).http;
  assert.deepEqual(http({ TRUST_PROXY: '127.0.0.1, 10.0.0.0/16' }).trustProxy, ['127.0.0.1', '10.0.0.0/16']);
  for (const more of [{ TRUST_PROXY: '10.0.0.1' }, { PUBLIC_ORIGIN: 'https://cloud.example.org' }])
    assert.equal(http(more).isProxied, true);
  for (const more of [{}, { PUBLIC_ORIGIN: 'http://127.0.0.1:8080' }]) assert.equal(http(more).isProxied, false);
  const [derived, other] = [monitorTokenOf({ SECRET_KEY }), monitorTokenOf({ SECRET_KEY: `${SECRET_KEY}!` })];
  assert.notEqual(derived, other);
  const MONITOR_TOKEN = 'a token of tests'.replaceAll(' ', '-').repeat(2);
  assert.equal(http({ MONITOR_TOKEN }).monitorToken, MONITOR_TOKEN);
});

function withCertificates(more: Environment = {}): Environment {
  const { ca, cloud } = files;
  return { AWS_IOT_ENDPOINT: 'localhost', SECRET_KEY, AWS_ROOT_CA: ca, AWS_CERT_FILE: cloud.cert, AWS_PRIVATE_KEY: cloud.key, ...more };
}

function linesOf(environment: Environment): readonly string[] {
  try {
    settingsFrom({ SECRET_KEY, ...environment });
  } catch (error) {
    if (error instanceof SettingsError) return error.lines;
    throw error;
  }
  return [];
}
