// Verifies certificates and keys from OpenSSL, from the AWS console and from the bench CA. Each fault has its code; good files have no
// findings.
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { ROOT } from '../../scripts/lab/program.ts';
import { BUILD_FLOOR_MS } from '../../src/clock/index.ts';
import { DAY_MS, DevCa, type Identity, isIotCoreHost, isLooseKey, verifyIdentity } from '../../src/identity/index.ts';
import { type Authority, AWS_EXTENSIONS, type KeyShape, OpenSsl, opensslMissing, type Pair, type PairOptions } from '../support/openssl.ts';

const read = (file: string) => readFileSync(file, 'utf8');
const AMAZON_ROOT = read(join(ROOT, 'certs/AmazonRootCA1.pem'));

describe('the verification of an identity', { skip: opensslMissing() }, () => {
  let folder: string;
  let openssl: OpenSsl;
  let ca: Authority;

  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'elderly-bot-verify-'));
    openssl = new OpenSsl(folder);
    ca = openssl.authority();
  });

  after(() => rmSync(folder, { recursive: true }));

  async function found(pair: Pair, over: Partial<Identity> = {}): Promise<string[]> {
    const given = { cert: read(pair.cert), key: read(pair.key), rootCa: read(ca.cert), thing: 'elderly-bot', isIotCore: false };
    const findings = await verifyIdentity({ ...given, nowMs: Date.now() + 60_000, isClockTrusted: true, ...over });
    for (const { observed, remedy } of findings) assert.ok(observed.length > 10 && remedy.length > 10);
    return findings.map(({ code, severity }) => `${severity} ${code}`);
  }

  const pair = (options?: PairOptions) => openssl.pair(ca, options);

  for (const shape of ['ec-pkcs8', 'ec-sec1', 'rsa-pkcs8', 'rsa-pkcs1'] as const satisfies readonly KeyShape[]) {
    it(`accepts ${shape}, also with the line ends of Windows`, async () => {
      const made = pair({ shape });
      assert.deepEqual(await found(made), []);
      const crlf = { cert: openssl.withCrlf(made.cert), key: openssl.withCrlf(made.key) };
      assert.deepEqual(await found(crlf, { rootCa: read(openssl.withCrlf(ca.cert)) }), []);
      assert.deepEqual(await found(made, { cert: `\ufeff${read(made.cert)}` }), []);
    });
  }

  it('accepts certificates of the AWS console, whose issuer is unknown and whose name is not the thing name', async () => {
    const theirs = openssl.authority('/OU=Amazon Web Services/O=Amazon.com Inc./L=Seattle/ST=Washington/C=US');
    const made = openssl.pair(theirs, { name: 'AWS IoT Certificate', shape: 'rsa-pkcs1', extensions: AWS_EXTENSIONS });
    assert.deepEqual(await found(made, { rootCa: AMAZON_ROOT, isIotCore: true }), ['info issuer_unknown']);
    assert.deepEqual(await found(made, { rootCa: AMAZON_ROOT }), ['warning issuer_unknown']);
  });

  it('accepts certificates of the bench CA', async () => {
    const own = await DevCa.create();
    const made = await own.issue(join(folder, 'own'), 'robot', { name: 'elderly-bot' });
    assert.deepEqual(await found(made, { rootCa: own.certificatePem }), []);
  });

  it('reports a new CA with the name of the old CA', async () => {
    const again = openssl.authority();
    assert.deepEqual(await found(pair(), { rootCa: read(again.cert) }), ['error chain_broken']);
    assert.deepEqual(await found(pair(), { rootCa: `${read(again.cert)}${read(ca.cert)}` }), []);
  });

  it('reports another CA, and swapped files', async () => {
    const other = openssl.authority('/CN=another CA');
    const made = pair();
    assert.deepEqual(await found(made, { rootCa: read(other.cert) }), ['warning issuer_unknown']);
    assert.deepEqual(await found(made, { rootCa: read(made.cert) }), ['error root_ca_not_ca', 'warning issuer_unknown']);
    assert.deepEqual(await found(made, { rootCa: read(made.key) }), ['error root_ca_unreadable']);
    assert.deepEqual(await found(made, { cert: read(made.key) }), ['error cert_unreadable']);
    assert.deepEqual(await found(made, { key: read(made.cert) }), ['error key_unreadable']);
    assert.deepEqual(await found(made, { cert: '' }), ['error cert_unreadable']);
    const cut = read(made.cert).replace(/\n.*\n.*\n-----END/, '\n-----END');
    assert.deepEqual(await found(made, { cert: cut }), ['error cert_unreadable']);
  });

  it('checks every certificate of a file', async () => {
    const between = openssl.pair(ca, { name: 'between', extensions: ['basicConstraints=critical,CA:TRUE', 'keyUsage=keyCertSign'] });
    const made = openssl.pair(between);
    assert.deepEqual(await found(made, { cert: read(made.cert) + read(between.cert) }), []);
    assert.deepEqual(await found(made, { cert: read(made.cert) + read(pair().cert) }), ['error chain_broken']);
    const damaged = read(between.cert).split('\n').with(1, 'AAAA').join('\n');
    assert.deepEqual(await found(made, { cert: damaged + read(made.cert) }), ['error cert_unreadable']);
    assert.deepEqual(await found(pair(), { rootCa: read(ca.cert) + damaged }), ['warning root_ca_unreadable']);
  });

  it('reports a key of another certificate, a key with a passphrase, and a key that no broker accepts', async () => {
    assert.deepEqual(await found({ ...pair(), key: openssl.key('ec-pkcs8') }), ['error key_mismatch']);
    assert.deepEqual(await found(pair({ shape: 'rsa-encrypted' })), ['error key_encrypted']);
    assert.deepEqual(await found(pair({ shape: 'rsa-1024' })), ['error key_kind']);
    assert.deepEqual(await found(pair({ shape: 'ed25519' })), ['error key_kind']);
  });

  it('reports a certificate that expired, expires soon, or is not valid yet', async () => {
    const made = pair({ days: 100 });
    const inDays = (days: number) => ({ nowMs: Date.now() + days * DAY_MS });
    assert.deepEqual(await found(made, inDays(69)), []);
    assert.deepEqual(await found(made, inDays(71)), ['warning cert_expires']);
    assert.deepEqual(await found(made, inDays(101)), ['error cert_expired']);
    assert.deepEqual(await found(made, inDays(-1)), ['error cert_not_yet_valid']);
  });

  it('reports a wrong clock, not a bad certificate, if the clock is untrusted or the root CA has expired too', async () => {
    const made = pair({ days: 10 });
    assert.deepEqual(await found(made, { nowMs: 0, isClockTrusted: false }), ['error clock_wrong']);
    assert.deepEqual(await found(made, { nowMs: BUILD_FLOOR_MS + 400 * DAY_MS, isClockTrusted: false }), ['error clock_wrong']);
    assert.deepEqual(await found(made, { nowMs: Date.now() + 4_000 * DAY_MS }), ['error clock_wrong']);
    assert.deepEqual(await found(made, { isClockTrusted: false }), ['info clock_untrusted']);
  });

  it('reports a certificate of another robot', async () => {
    const made = pair({ name: 'kitchen-bot' });
    assert.deepEqual(await found(made), ['warning name_differs']);
    assert.deepEqual(await found(made, { isIotCore: true }), ['info name_differs']);
    assert.deepEqual(await found(made, { thing: 'kitchen-bot' }), []);
  });

  it('reports a certificate for another purpose', async () => {
    const server = pair({ extensions: ['basicConstraints=CA:FALSE', 'extendedKeyUsage=serverAuth'] });
    assert.deepEqual(await found(server), ['error cert_purpose']);
    assert.deepEqual(await found(pair({ extensions: ['keyUsage=critical,keyEncipherment'] })), ['error cert_purpose']);
    assert.deepEqual(await found(ca), ['warning name_differs', 'error cert_is_ca']);
  });

  it('reports a key that others can read', async () => {
    const keyFile = (mode: number, path = '/k.pem') => ({ keyFile: { path, mode } });
    assert.deepEqual(await found(pair(), keyFile(0o640)), ['error key_permissions']);
    assert.deepEqual(await found(pair(), keyFile(0o600)), []);
    const credential = '/run/credentials/elderly-bot.service/device-key';
    for (const mode of [0o400, 0o440]) assert.deepEqual(await found(pair(), keyFile(mode, credential)), []);
    for (const mode of [0o444, 0o460, 0o404]) assert.deepEqual(await found(pair(), keyFile(mode, credential)), ['error key_permissions']);
    const outside = '/run/credentials/../device-key';
    assert.deepEqual(await found(pair(), keyFile(0o440, outside)), ['error key_permissions']);
  });

  it('accepts the mode of a credential only in the folder that systemd names', () => {
    assert.equal(isLooseKey('/credentials/key', 0o440, '/credentials'), false);
    assert.equal(isLooseKey('/credentials-of-others/key', 0o440, '/credentials'), true);
    assert.equal(isLooseKey('/credentials/key', 0o440, ''), true);
  });
});

it('recognizes the host names of IoT Core', () => {
  assert.ok(isIotCoreHost('example-ats.iot.eu-central-1.amazonaws.com'));
  assert.ok(isIotCoreHost('example.ats.iot.cn-north-1.amazonaws.com.cn'));
  assert.ok(!isIotCoreHost('iot.eu-central-1.amazonaws.com.example.org'));
  assert.ok(!isIotCoreHost('localhost'));
});
