// Tests `elderly-bot certs verify --online` against a real Mosquitto with mutual TLS and an access control list. OpenSSL creates the
// certificates. The command reports whether the certificate is at fault, or else the real cause.
import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';
import { type BenchFiles, DevCa } from '../../src/identity/index.ts';
import { FakeClock, fakeClockMissing } from '../faults/fakeClock.ts';
import { CertsBench } from '../support/certs.ts';
import { Mosquitto, mosquittoUnavailable } from '../support/mosquitto.ts';
import { type Authority, type KeyShape, OpenSsl, opensslMissing, type Pair } from '../support/openssl.ts';

const THING = 'elderly-bot';
const RIGHTS = ['readwrite elderly_bot/#'];
const skip = opensslMissing() || mosquittoUnavailable();

interface VerifyOutput {
  readonly ok: boolean;
  readonly findings: readonly { readonly code: string }[];
  readonly online: { readonly ok: boolean; readonly code: string | null; readonly observed: string; readonly remedy: string } | null;
}

describe('elderly-bot certs verify --online', { skip, timeout: 300_000 }, () => {
  let made: CertsBench;
  let openssl: OpenSsl;
  let ca: Authority;
  let files: BenchFiles;
  let broker: Mosquitto;
  let bench: CertsBench;

  const acl = (lines: readonly string[]) => [`user ${THING}`, ...lines.map((line) => `topic ${line}`)].join('\n');

  before(async () => {
    made = new CertsBench();
    openssl = new OpenSsl(made.path('openssl'));
    ca = openssl.authority();
    const server = openssl.pair(ca, { name: 'localhost', hosts: ['localhost', '127.0.0.1'], extensions: ['extendedKeyUsage=serverAuth'] });
    const robot = openssl.pair(ca);
    files = { authority: await DevCa.create(), ca: ca.cert, broker: server, cloud: robot, robot };
    broker = await Mosquitto.start({ certificates: files, acl: acl(RIGHTS) });
  });

  after(async () => {
    await broker?.stop();
    made?.remove();
  });

  beforeEach(() => {
    bench = new CertsBench();
    configure();
  });

  afterEach(() => bench.remove());

  function configure(pair: Pair = files.robot, { root = ca.cert, host = 'localhost', port = broker.port, thing = THING } = {}): void {
    const mqtt = { endpoint: `${host}:${port}`, root_ca: root, cert_file: pair.cert, private_key: pair.key };
    bench.configure(`thing: ${thing}\ntopic_prefix: elderly_bot\nmqtt: ${JSON.stringify(mqtt)}`);
  }

  async function verify(env: NodeJS.ProcessEnv = {}): Promise<VerifyOutput> {
    const { code, out, err } = await bench.run(['verify', '--online', '--json', '--timeout', '5'], env);
    assert.equal(err, '');
    const answer = JSON.parse(out) as VerifyOutput;
    assert.equal(code, answer.ok ? 0 : 1);
    return answer;
  }

  for (const shape of ['ec-pkcs8', 'ec-sec1', 'rsa-pkcs8', 'rsa-pkcs1'] as const satisfies readonly KeyShape[]) {
    it(`accepts a valid certificate, which connects, subscribes and publishes: ${shape}`, async () => {
      configure(openssl.pair(ca, { shape }));
      assert.equal((await verify()).online?.ok, true);
    });
  }

  it('accepts files with Windows line endings', async () => {
    const pair = openssl.pair(ca, { shape: 'rsa-pkcs1' });
    const crlf = { cert: openssl.withCrlf(pair.cert), key: openssl.withCrlf(pair.key) };
    configure(crlf, { root: openssl.withCrlf(ca.cert) });
    assert.equal((await verify()).online?.ok, true);
  });

  it('accepts an imported certificate for a key from init', async () => {
    bench.configure(`mqtt: { endpoint: "localhost:${broker.port}" }`);
    await bench.run(['init', '--out', bench.path('robot.csr')]);
    const taken = await bench.run(['import', openssl.sign(ca, bench.path('robot.csr')), ca.cert]);
    assert.equal(taken.code, 0, taken.err);
    assert.equal((await verify()).online?.ok, true);
  });

  it('reports an expired certificate', async () => {
    configure(openssl.pair(ca, { days: -1 }));
    const { findings, online } = await verify();
    assert.deepEqual(
      findings.map(({ code }) => code),
      ['cert_expired'],
    );
    assert.equal(online?.code, 'certificate_expired');
  });

  it('reports a robot’s certificate from another CA, and a broker’s certificate from another CA', async () => {
    const other = openssl.authority('/CN=another CA');
    configure(openssl.pair(other));
    const refused = await verify();
    assert.equal(refused.findings[0]?.code, 'issuer_unknown');
    assert.equal(refused.online?.code, 'certificate_refused');
    configure(files.robot, { root: other.cert });
    const untrusted = await verify();
    assert.equal(untrusted.online?.code, 'broker_untrusted');
    assert.match(String(untrusted.online?.remedy), /mqtt\.root_ca/);
  });

  it('does not connect with the key of another certificate', async () => {
    configure({ ...files.robot, key: openssl.key('ec-pkcs8') });
    const { findings, online } = await verify();
    assert.equal(findings[0]?.code, 'key_mismatch');
    assert.equal(online, null);
  });

  it('reports a broker certificate for another host name, and an unreachable broker', async () => {
    const server = openssl.pair(ca, { name: 'elsewhere', hosts: ['elsewhere.example'], extensions: ['extendedKeyUsage=serverAuth'] });
    const elsewhere = await Mosquitto.start({ certificates: { ...files, broker: server } });
    configure(files.robot, { port: elsewhere.port });
    assert.equal((await verify()).online?.code, 'broker_name_mismatch');
    await elsewhere.stop();
    assert.equal((await verify()).online?.code, 'broker_refused_connection');
  });

  it('reports a certificate for another thing, which has no rights at the broker', async () => {
    configure(openssl.pair(ca, { name: 'kitchen-bot' }));
    const { findings, online } = await verify();
    assert.equal(findings[0]?.code, 'name_differs');
    assert.equal(online?.code, 'not_authorized');
  });

  it('names the topic if the robot has no right to publish', async () => {
    const narrow = await Mosquitto.start({ certificates: files, acl: acl(['read elderly_bot/#']) });
    configure(files.robot, { port: narrow.port });
    const { online } = await verify();
    await narrow.stop();
    assert.equal(online?.code, 'not_authorized');
    assert.match(String(online?.observed), /publish: .*elderly_bot\/presence/);
  });

  it('reports a wrong clock in 1970 and years ahead', { skip: fakeClockMissing() }, async () => {
    const clock = new FakeClock(bench.path('clock'));
    clock.set(-Math.round(Date.now() / 1_000));
    const past = await verify(clock.env());
    assert.deepEqual(
      past.findings.map(({ code }) => code),
      ['clock_wrong'],
    );
    assert.equal(past.online?.code, 'clock_wrong');
    clock.set(20 * 365 * 86_400);
    assert.equal((await verify(clock.env())).online?.code, 'clock_wrong');
  });
});
