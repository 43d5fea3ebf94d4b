// Tests `elderly-bot certs` without a broker: keys never leave the robot, an import is atomic, and a refused file is named.
import assert from 'node:assert/strict';
import { chmodSync, copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { CRASH_AT, IMPORT_CRASH_POINTS } from '../../src/base/index.ts';
import { AMAZON_ROOT_CA, readCredentials, Slots, slotPaths } from '../../src/identity/index.ts';
import { FakeClock, fakeClockMissing } from '../faults/fakeClock.ts';
import { CertsBench } from '../support/certs.ts';
import { type Authority, AWS_EXTENSIONS, type KeyShape, OpenSsl, opensslMissing, type Pair } from '../support/openssl.ts';

const read = (file: string) => readFileSync(file, 'utf8');
const ID = 'd0b1a1f0c0ffee';

describe('elderly-bot certs', { skip: opensslMissing(), timeout: 300_000 }, () => {
  let bench: CertsBench;
  let openssl: OpenSsl;
  let ca: Authority;

  beforeEach(() => {
    bench = new CertsBench();
    openssl = new OpenSsl(bench.path('openssl'));
    ca = openssl.authority();
  });

  afterEach(() => bench.remove());

  /** Creates a folder with the files that the AWS console offers for download, under its names. */
  function download(pair: Pair, root: string | null = ca.cert): string {
    const folder = bench.path('Downloads');
    mkdirSync(folder, { recursive: true });
    copyFileSync(pair.cert, join(folder, `${ID}-certificate.pem.crt`));
    copyFileSync(pair.key, join(folder, `${ID}-private.pem.key`));
    chmodSync(join(folder, `${ID}-private.pem.key`), 0o644);
    writeFileSync(join(folder, `${ID}-public.pem.key`), '-----BEGIN PUBLIC KEY-----\nMFkw\n-----END PUBLIC KEY-----\n');
    writeFileSync(join(folder, 'holiday.jpg'), Buffer.from([0xff, 0xd8, 0xff, 0xe0]));
    if (root !== null) copyFileSync(root, join(folder, 'AmazonRootCA1.pem'));
    return folder;
  }

  function inUse(): { cert: string; key: string; ca: string } {
    const slots = new Slots(bench.stateDir);
    assert.ok(slots.current);
    return readCredentials(slotPaths(slots, slots.current, null));
  }

  async function refused(args: readonly string[], pattern: RegExp): Promise<void> {
    const { code, out, err } = await bench.run(args);
    assert.equal(code, 2, `${out}${err}`);
    assert.match(err, pattern);
    assert.equal(err.trim().split('\n').length, 1, err);
  }

  it('init creates a key that only its owner can read and that is never printed; import then needs only the certificate', async () => {
    const first = await bench.run(['init', '--out', bench.path('robot.csr')]);
    assert.equal(first.code, 0, first.err);
    const key = join(bench.stateDir, 'identity/a/key.pem');
    assert.equal(statSync(key).mode & 0o777, 0o600);
    assert.equal(statSync(join(bench.stateDir, 'identity')).mode & 0o777, 0o700);
    assert.doesNotMatch(first.out + first.err, /PRIVATE KEY/);
    const again = await bench.run(['init', '--out', '-']);
    assert.match(again.out, /^-----BEGIN CERTIFICATE REQUEST-----/);
    const waiting = read(key);
    const cert = openssl.sign(ca, bench.path('robot.csr'));
    const taken = await bench.run(['import', cert, ca.cert]);
    assert.equal(taken.code, 0, taken.err);
    assert.equal(read(join(bench.stateDir, 'identity/a/key.pem')).trim(), waiting.trim());
    assert.equal((await bench.run(['verify'])).code, 0);
    const { identities } = JSON.parse((await bench.run(['show', '--json'])).out);
    assert.equal(identities[0].name, 'elderly-bot');
    assert.equal(identities[0].days_left, 364);
    assert.match(identities[0].certificate_id, /^[0-9a-f]{64}$/);
  });

  it('init creates an RSA key with --key rsa, and another key with --new', async () => {
    const { request } = JSON.parse((await bench.run(['init', '--key', 'rsa', '--json'])).out);
    writeFileSync(bench.path('a.csr'), request);
    assert.equal((await bench.run(['import', openssl.sign(ca, bench.path('a.csr'))])).code, 0);
    await bench.run(['init']);
    const before = read(join(bench.stateDir, 'identity/b/key.pem'));
    await bench.run(['init']);
    assert.equal(read(join(bench.stateDir, 'identity/b/key.pem')), before);
    await bench.run(['init', '--new']);
    assert.notEqual(read(join(bench.stateDir, 'identity/b/key.pem')), before);
  });

  for (const shape of ['ec-pkcs8', 'ec-sec1', 'rsa-pkcs8', 'rsa-pkcs1'] as const satisfies readonly KeyShape[]) {
    it(`import accepts a folder from the console: ${shape}, with a key file that all users can read`, async () => {
      const taken = await bench.run(['import', download(openssl.pair(ca, { shape }))]);
      assert.equal(taken.code, 0, taken.err);
      assert.match(
        taken.out,
        new RegExp(`imported into slot a, from .*${ID}-certificate.pem.crt, .*${ID}-private.pem.key, .*AmazonRootCA1.pem`),
      );
      assert.equal(statSync(join(bench.stateDir, 'identity/a/key.pem')).mode & 0o777, 0o600);
      assert.match(inUse().ca, /BEGIN CERTIFICATE/);
    });
  }

  it('import accepts files with Windows line endings', async () => {
    const pair = openssl.pair(ca, { shape: 'rsa-pkcs1' });
    const files = [pair.cert, pair.key, ca.cert].map((file) => openssl.withCrlf(file));
    assert.equal((await bench.run(['import', ...files])).code, 0);
    assert.doesNotMatch(inUse().key + inUse().cert, /\r/);
  });

  it('import uses Amazon’s root CA if the files contain none, and accepts an unknown issuer for IoT Core', async () => {
    bench.configure('mqtt: { endpoint: example-ats.iot.eu-central-1.amazonaws.com }');
    const theirs = openssl.authority('/OU=Amazon Web Services/O=Amazon.com Inc.');
    const pair = openssl.pair(theirs, { name: 'AWS IoT Certificate', shape: 'rsa-pkcs1', extensions: AWS_EXTENSIONS });
    const taken = await bench.run(['import', download(pair, null)]);
    assert.equal(taken.code, 0, taken.err);
    assert.match(taken.out, /info issuer_unknown/);
    assert.equal(inUse().ca.trim(), read(AMAZON_ROOT_CA).trim());
    assert.equal((await bench.run(['verify'])).code, 0);
  });

  it('import chooses the robot’s files from a bench folder by the name in the certificate', async () => {
    assert.equal((await bench.run(['dev-ca', bench.path('bench'), '--host', '192.0.2.7'])).code, 0);
    const taken = await bench.run(['import', bench.path('bench')]);
    assert.equal(taken.code, 0, taken.err);
    assert.match(taken.out, /robot\.crt\.pem, .*robot\.key\.pem, .*ca\.crt\.pem/);
  });

  it('dev-ca does not overwrite the keys of a bench', async () => {
    assert.equal((await bench.run(['dev-ca', bench.path('twice')])).code, 0);
    const key = read(join(bench.path('twice'), 'robot.key.pem'));
    const again = await bench.run(['dev-ca', bench.path('twice')]);
    assert.equal(again.code, 2);
    assert.match(again.err, /twice\/ca\.crt\.pem already exists; .*\[FILE_EXISTS\]/);
    assert.equal(read(join(bench.path('twice'), 'robot.key.pem')), key);
  });

  it('import names the files that cannot be this robot’s identity, refuses them, and keeps the old identity', async () => {
    const pair = openssl.pair(ca);
    await bench.run(['import', download(pair)]);
    const before = inUse();
    const other = openssl.pair(ca);
    await refused(['import', other.cert], /no private key belongs to the certificate .*is a certificate.*CERTIFICATE_UNFIT/);
    await refused(['import', other.cert, openssl.key('ec-pkcs8')], /no private key belongs to the certificate .*CERTIFICATE_UNFIT/);
    await refused(['import', other.key], /the files contain no certificate of a robot .*is a private key.*-certificate\.pem\.crt/);
    await refused(['import', bench.path('nowhere')], /nowhere can't be read.*CERTIFICATE_MISSING/);
    const locked = openssl.pair(ca, { shape: 'rsa-encrypted' });
    rmSync(bench.path('state'), { recursive: true });
    await refused(['import', locked.cert, locked.key], /passphrase.*openssl pkey/);
    await bench.run(['import', download(pair)]);
    const server = openssl.pair(ca, { extensions: ['extendedKeyUsage=serverAuth'] });
    await refused(['import', server.cert, server.key], /nothing was imported: .*for servers/);
    const again = openssl.authority();
    await refused(['import', other.cert, other.key, again.cert], /nothing was imported: .*not signed by the root CA of that name/);
    await refused(['import', other.cert, other.key, pair.cert, pair.key], /more than one certificate with its key/);
    assert.equal(inUse().key, before.key);
  });

  for (const point of IMPORT_CRASH_POINTS) {
    it(`import leaves a complete identity, old or new, after a kill at ${point}, and the next import works`, async () => {
      const [old, next] = [openssl.pair(ca), openssl.pair(ca)];
      await bench.run(['import', old.cert, old.key, ca.cert]);
      const before = inUse();
      const killed = await bench.run(['import', next.cert, next.key], { [CRASH_AT]: point });
      assert.equal(killed.signal, 'SIGKILL');
      const isNew = point === 'identity_taken';
      assert.equal(inUse().cert === before.cert, !isNew);
      assert.equal((await bench.run(['verify'])).code, 0);
      assert.equal((await bench.run(['import', next.cert, next.key])).code, 0);
      assert.equal(inUse().cert.trim(), read(next.cert).trim());
      assert.match(inUse().ca, /BEGIN CERTIFICATE/);
    });
  }

  it('import keeps a key from init if it is killed', async () => {
    await bench.run(['init', '--out', bench.path('robot.csr')]);
    const cert = openssl.sign(ca, bench.path('robot.csr'));
    for (const point of IMPORT_CRASH_POINTS.slice(0, 2)) {
      assert.equal((await bench.run(['import', cert], { [CRASH_AT]: point })).signal, 'SIGKILL');
    }
    assert.equal((await bench.run(['import', cert])).code, 0);
    assert.equal(inUse().cert.trim(), read(cert).trim());
  });

  it('verify names each fault and ends with exit code 1', async () => {
    const pair = openssl.pair(ca, { name: 'kitchen-bot' });
    await bench.run(['import', download(pair)]);
    const named = await bench.run(['verify', '--json']);
    assert.equal(named.code, 1);
    assert.deepEqual(
      JSON.parse(named.out).findings.map(({ code }: { code: string }) => code),
      ['name_differs'],
    );
    chmodSync(join(bench.stateDir, 'identity/a/key.pem'), 0o644);
    const loose = await bench.run(['verify']);
    assert.match(loose.out, /permissions {2}not ok\n {2}error key_permissions: .*0644.*; chmod 600/);
  });

  it('verify checks the configured files, and refuses a certificate path without a key path', async () => {
    const pair = openssl.pair(ca);
    bench.configure(`mqtt: { root_ca: ${ca.cert}, cert_file: ${pair.cert}, private_key: ${pair.key} }`);
    assert.equal((await bench.run(['verify'])).code, 0);
    const taken = await bench.run(['import', pair.cert, pair.key]);
    assert.match(taken.err, /mqtt\.cert_file is set, so the agent continues to use that file/);
    bench.configure(`mqtt: { cert_file: ${pair.cert} }`);
    await refused(['verify'], /robot\.yaml:2:.*mqtt\.cert_file is .*: expected mqtt\.private_key too/);
  });

  it('verify prints a remedy if there is no certificate yet, and show creates nothing', async () => {
    await refused(['verify'], /no certificate yet.*certs import FOLDER.*CERTIFICATE_MISSING/);
    assert.equal((await bench.run(['show'])).code, 0);
    assert.ok(!existsSync(bench.stateDir));
  });

  it('show names the fault for which the agent would refuse the files, and shows the rest', async () => {
    const [pair, other] = [openssl.pair(ca), openssl.pair(ca)];
    const shown = async (cert: string, key: string) => {
      bench.configure(`mqtt: { root_ca: ${ca.cert}, cert_file: ${cert}, private_key: ${key} }`);
      const { code, out, err } = await bench.run(['show']);
      assert.equal(code, 0, err);
      return out;
    };
    assert.doesNotMatch(await shown(pair.cert, pair.key), /fault/);
    assert.match(await shown(pair.cert, other.key), /fault {11}mqtt\.private_key .* does not belong to .*\n {2}name/);
    const damaged = bench.path('damaged.pem');
    writeFileSync(damaged, read(pair.cert).split('\n').with(1, 'AAAA').join('\n'));
    assert.match(
      await shown(damaged, pair.key),
      /no readable certificate\n {2}fault {11}mqtt\.cert_file .*damaged\.pem is not a valid PEM/,
    );
    assert.match(await shown(bench.path('gone.pem'), pair.key), /no readable certificate\n {2}fault {11}.*gone\.pem: no such file/);
    const [{ fault, valid_to: end }] = JSON.parse((await bench.run(['show', '--json'])).out).identities;
    assert.match(fault, /no such file/);
    assert.equal(end, null);
  });

  it('verify finds the identity in spite of a corrupt slots.json', async () => {
    await bench.run(['import', download(openssl.pair(ca))]);
    writeFileSync(join(bench.stateDir, 'identity/slots.json'), '{"curr');
    assert.equal((await bench.run(['verify'])).code, 0);
  });

  it('verify reports a wrong clock in 1970, not a faulty certificate, and import works all the same', {
    skip: fakeClockMissing(),
  }, async () => {
    const clock = new FakeClock(bench.path('clock'));
    // The clock starts one minute after 1970 begins, because a fast start in the first second could still see 1969.
    clock.set(60 - Math.round(Date.now() / 1_000));
    const taken = await bench.run(['import', download(openssl.pair(ca))], clock.env());
    assert.equal(taken.code, 0, taken.err);
    assert.match(taken.out, /error clock_wrong: the clock says 1970-01-01/);
    const verified = await bench.run(['verify', '--json'], clock.env());
    assert.equal(verified.code, 1);
    assert.deepEqual(
      JSON.parse(verified.out).findings.map(({ code }: { code: string }) => code),
      ['clock_wrong'],
    );
    assert.equal((await bench.run(['verify'])).code, 0);
  });

  it('import as root gives its files to the owner of the state directory', {
    skip: process.getuid?.() === 0 ? false : 'it needs root',
  }, async () => {
    mkdirSync(bench.stateDir, { mode: 0o700 });
    chmodSync(bench.folder, 0o755);
    const { chownSync } = await import('node:fs');
    chownSync(bench.stateDir, 65_534, 65_534);
    const taken = await bench.run(['import', download(openssl.pair(ca))]);
    assert.equal(taken.code, 0, taken.err);
    for (const file of ['certs.lock', 'identity', 'identity/slots.json', 'identity/a/key.pem']) {
      assert.equal(statSync(join(bench.stateDir, file)).uid, 65_534, file);
    }
    assert.ok(readdirSync(join(bench.stateDir, 'identity/a')).length >= 3);
  });
});
