// The shipped nginx site in front of two real instances. Only names, paths and ports are replaced.
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingHttpHeaders, request } from 'node:http';
import { Agent, request as secureRequest } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { type BenchFiles, benchCertificates } from '../../src/identity/index.ts';
import { accepts, freePort } from '../../test/support/ports.ts';
import { Postgres } from '../../test/support/postgres.ts';
import { invite } from '../src/auth/members.ts';
import { postgresDatabase } from '../src/database/postgres.ts';
import { PlainBroker } from './support/aedes.ts';
import { NO_POSTGRES } from './support/databases.ts';
import { CloudProcess } from './support/process.ts';
import { readings, telemetry } from './support/robot.ts';
import { RobotClient } from './support/robotClient.ts';

const SITE = fileURLToPath(new URL('../deploy/nginx.conf', import.meta.url));
const PROGRAM = ['/usr/sbin/nginx', '/usr/local/sbin/nginx'].find((path) => existsSync(path));
const SKIP = PROGRAM ? NO_POSTGRES : 'skipped: nginx is not installed (apt-get install nginx-light)';
const NAME = 'localhost';
const START_MS = 10_000;

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

describe('nginx in front of the cloud', { skip: SKIP, timeout: 300_000 }, () => {
  let folder = '';
  let files: BenchFiles;
  let server: Postgres;
  let databaseUrl = '';
  let broker: PlainBroker;
  let nginx: Nginx;
  const ports = { http: 0, https: 0, first: 0, second: 0 };
  const instances = new Map<number, CloudProcess>();

  const startInstance = async (port: number): Promise<void> => {
    const settings = {
      AWS_IOT_ENDPOINT: `mqtt://127.0.0.1:${broker.port}`,
      DATABASE_URL: databaseUrl,
      PORT: String(port),
      TRUST_PROXY: '127.0.0.1',
    };
    const instance = new CloudProcess(settings, folder);
    instances.set(port, instance);
    await instance.said('broker_subscribed');
    await instance.url();
  };

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'elderly-bot-nginx-'));
    files = await benchCertificates(folder, 'elderly-bot');
    [server, broker] = await Promise.all([Postgres.start(), PlainBroker.start()]);
    databaseUrl = await server.createDatabase();
    for (const name of Object.keys(ports) as (keyof typeof ports)[]) ports[name] = await freePort();
    await startInstance(ports.first);
    await startInstance(ports.second);
    nginx = await Nginx.start(folder, siteFor(files, ports));
  });
  after(async () => {
    await nginx?.stop();
    for (const instance of instances.values()) instance.kill('SIGKILL');
    await Promise.all([...instances.values()].map((instance) => instance.ended()));
    await Promise.all([broker?.stop(), server?.stop()]);
    rmSync(folder, { recursive: true, force: true });
  });

  const ask = (path: string, options: { method?: string; body?: string; headers?: Record<string, string> } = {}): Promise<Answer> =>
    new Promise((resolve, reject) => {
      const { method = 'GET', body, headers = {} } = options;
      const agent = new Agent({ ca: readFileSync(files.ca) });
      const asked = secureRequest({ host: NAME, port: ports.https, path, method, agent, headers }, (answer) => {
        let text = '';
        answer.setEncoding('utf8').on('data', (part: string) => {
          text += part;
        });
        answer.on('end', () => resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body: text }));
      });
      asked.once('error', reject);
      asked.end(body);
    });
  const post = (path: string, body: unknown): Promise<Answer> =>
    ask(path, { method: 'POST', body: JSON.stringify(body), headers: { 'content-type': 'application/json' } });

  test('plain HTTP redirects to HTTPS, except for the challenges of certbot', async () => {
    const plain = (path: string): Promise<Answer> =>
      new Promise((resolve, reject) => {
        const asked = request({ host: NAME, port: ports.http, path }, (answer) => {
          answer.resume();
          resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body: '' });
        });
        asked.once('error', reject).end();
      });
    const { status, headers } = await plain('/docs?x=1');
    assert.deepEqual([status, headers.location], [308, `https://${NAME}/docs?x=1`]);
    assert.equal((await plain('/.well-known/acme-challenge/none')).status, 404);
  });

  test('routes answer through nginx with the cloud’s headers, but the monitoring routes do not', async () => {
    const { status, headers } = await ask('/openapi.json');
    assert.equal(status, 200);
    assert.equal(headers['x-content-type-options'], 'nosniff');
    assert.ok(headers['x-request-id']);
    for (const path of ['/healthz', '/metrics']) assert.deepEqual([(await ask(path)).status], [404]);
  });

  test('the caller’s address comes from the connection, and forwarding headers of the caller are removed', async () => {
    const seen = await echoed(files, folder, async (port) => {
      const agent = new Agent({ ca: readFileSync(files.ca) });
      const headers = { 'x-forwarded-for': '6.6.6.6', forwarded: 'for=6.6.6.6', 'x-forwarded-proto': 'http', connection: 'close' };
      const asked = secureRequest({ host: NAME, port, path: '/', agent, headers }).end();
      const [answer] = (await once(asked, 'response')) as [import('node:http').IncomingMessage];
      answer.resume();
    });
    assert.deepEqual([seen['x-forwarded-for'], seen['x-forwarded-proto'], seen.forwarded], ['127.0.0.1', 'https', undefined]);
    assert.equal(seen.host, NAME);
  });

  test('a body of more than 64 KiB gets a JSON error like those of the cloud', async () => {
    const { status, headers, body } = await post('/auth/login', { phone: '+391234567', password: 'x'.repeat(65 * 1024) });
    assert.equal(status, 413);
    assert.match(String(headers['content-type']), /application\/json/);
    assert.deepEqual(JSON.parse(body), { detail: 'a body has at most 64 KiB' });
  });

  test('server-sent events arrive immediately', async () => {
    const phone = '+391234567';
    const registered = await post('/auth/register', { phone, password: 'correct horse' });
    const { access_token: token } = JSON.parse(registered.body) as { access_token: string };
    const db = postgresDatabase({ url: databaseUrl });
    await invite(db, phone, 'elderly-bot');
    await db.close();
    const agent = new Agent({ ca: readFileSync(files.ca) });
    const headers = { authorization: `Bearer ${token}`, accept: 'text/event-stream' };
    const asked = secureRequest({ host: NAME, port: ports.https, path: '/telemetry/stream', agent, headers }).end();
    const [stream] = (await once(asked, 'response')) as [import('node:http').IncomingMessage];
    assert.deepEqual([stream.statusCode, stream.headers['content-type']?.split(';')[0]], [200, 'text/event-stream']);
    const robot = await RobotClient.connect('elderly_bot', { host: '127.0.0.1', port: broker.port });
    await robot.publish(
      'elderly_bot/telemetry',
      telemetry({ thing: 'elderly-bot', accepted: 1 }, readings([1, 1]), { state_seq: 1, gas: true }),
    );
    let text = '';
    // The stream does not end, so the event must arrive while it is open.
    for await (const part of stream) {
      text += String(part);
      if (text.includes('"gas": true')) break;
    }
    assert.match(text, /"gas": true/);
    asked.destroy();
    await robot.end();
  });

  test('clients do not notice a killed instance; without any instance they get 503, until one is back', async () => {
    instances.get(ports.first)?.kill('SIGKILL');
    await instances.get(ports.first)?.ended();
    for (let n = 0; n < 10; n++) assert.equal((await ask('/telemetry')).status, 200);
    instances.get(ports.second)?.kill('SIGKILL');
    await instances.get(ports.second)?.ended();
    const { status, headers, body } = await ask('/telemetry');
    assert.deepEqual([status, headers['retry-after']], [503, '5']);
    assert.deepEqual(JSON.parse(body), { detail: 'the cloud is not available now; try again later' });
    await startInstance(ports.first);
    const untilMs = performance.now() + START_MS;
    while ((await ask('/telemetry')).status !== 200) assert.ok(performance.now() < untilMs, 'nginx does not reach the instance again');
  });
});

/** The shipped site with the names, certificates and ports of this test. */
function siteFor(files: BenchFiles, ports: { http: number; https: number; first: number; second: number }): string {
  return readFileSync(SITE, 'utf8')
    .replaceAll('cloud.example.org/fullchain.pem', 'CERT')
    .replaceAll('cloud.example.org/privkey.pem', 'KEY')
    .replace('/etc/letsencrypt/live/CERT', files.broker.cert)
    .replace('/etc/letsencrypt/live/KEY', files.broker.key)
    .replaceAll('cloud.example.org', NAME)
    .replace(/^ *listen \[::\].*\n/gm, '')
    .replace('listen 80;', `listen 127.0.0.1:${ports.http};`)
    .replace('listen 443 ssl;', `listen 127.0.0.1:${ports.https} ssl;`)
    .replace('server 127.0.0.1:8080', `server 127.0.0.1:${ports.first}`)
    .replace('# server 127.0.0.1:8081', `server 127.0.0.1:${ports.second}`);
}

/** The headers that reach an upstream behind nginx. */
async function echoed(files: BenchFiles, folder: string, ask: (port: number) => Promise<void>): Promise<IncomingHttpHeaders> {
  const seen: IncomingHttpHeaders[] = [];
  const upstream = createServer(({ headers }, response) => {
    seen.push(headers);
    response.end();
  });
  await new Promise<void>((resolve) => upstream.listen(0, '127.0.0.1', resolve));
  const { port } = upstream.address() as AddressInfo;
  const https = await freePort();
  const own = join(folder, 'echo');
  const nginx = await Nginx.start(own, siteFor(files, { http: await freePort(), https, first: port, second: port }));
  await ask(https);
  await nginx.stop();
  upstream.closeAllConnections();
  await new Promise<void>((resolve) => upstream.close(() => resolve()));
  return seen[0] ?? {};
}

class Nginx {
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess) {
    this.#child = child;
  }

  static async start(folder: string, site: string): Promise<Nginx> {
    mkdirSync(folder, { recursive: true });
    const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) => `${name}_temp_path ${join(folder, name)};`);
    const config = join(folder, 'nginx.conf');
    const user = process.getuid?.() === 0 ? 'user root;\n' : '';
    writeFileSync(
      config,
      `${user}pid ${join(folder, 'nginx.pid')};\nerror_log stderr warn;\nworker_processes 1;\nevents {}\nhttp {\naccess_log off;\n${temporary.join('\n')}\n${site}\n}\n`,
    );
    const child = spawn(PROGRAM ?? 'nginx', ['-c', config, '-e', 'stderr', '-g', 'daemon off;'], { stdio: ['ignore', 'ignore', 'pipe'] });
    let said = '';
    child.stderr?.on('data', (part: Buffer) => {
      said += part.toString();
    });
    process.once('exit', () => child.kill('SIGKILL'));
    const port = Number(/127\.0\.0\.1:(\d+) ssl/.exec(site)?.[1]);
    const untilMs = performance.now() + START_MS;
    while (!(await accepts(port))) {
      if (child.exitCode !== null || performance.now() > untilMs) throw new Error(`nginx did not start: ${said}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    return new Nginx(child);
  }

  async stop(): Promise<void> {
    const ended = once(this.#child, 'exit');
    this.#child.kill('SIGTERM');
    await ended;
  }
}
