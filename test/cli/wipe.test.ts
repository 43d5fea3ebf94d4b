// `elderly-bot certs wipe` on a robot with a certificate from the console, a claim and data: what it erases, refuses, leaves and says.
import assert from 'node:assert/strict';
import {
  closeSync,
  copyFileSync,
  existsSync,
  linkSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { CRASH_AT, WIPE_CRASH_POINTS } from '../../src/base/index.ts';
import { systemClock } from '../../src/clock/index.ts';
import { type BenchFiles, benchCertificates, factsOf, readCredentials, Slots, slotPaths } from '../../src/identity/index.ts';
import { openOutbox } from '../../src/outbox/index.ts';
import { findStandIn, Lifetime, lockStateDir, makeStandIn } from '../../src/state/index.ts';
import { CertsBench } from '../support/certs.ts';

const ENDPOINT = 'abc-ats.iot.eu-central-1.amazonaws.com';

describe('elderly-bot certs wipe', { timeout: 300_000 }, () => {
  let bench: CertsBench;
  let files: BenchFiles;
  let id: string;
  const key = () => join(bench.stateDir, 'identity/a/key.pem');
  const claim = () => bench.path('certs/claim.key.pem');
  const confirmed = ['wipe', '--confirm', 'elderly-bot'];
  const everything = () => readdirSync(bench.folder, { recursive: true }).map(String);

  beforeEach(async () => {
    bench = new CertsBench();
    files = await benchCertificates(bench.path('certs'), 'elderly-bot');
    await files.authority.issue(bench.path('certs'), 'claim', { name: 'a claim' });
    bench.configure(
      [
        `mqtt: { endpoint: ${ENDPOINT}, root_ca: ${files.ca} }`,
        'provisioning: { template: t, claim_cert: certs/claim.crt.pem, claim_key: certs/claim.key.pem }',
      ].join('\n'),
    );
    const slots = new Slots(bench.stateDir);
    const [cert, pem] = [readFileSync(files.robot.cert, 'utf8'), readFileSync(files.robot.key, 'utf8')];
    await slots.use(slots.fill({ cert, key: pem, rootCa: null }), 'elderly-bot');
    id = factsOf(readCredentials(slotPaths(slots, 'a', files.ca)).certificate).certificate_id;
  });
  afterEach(() => {
    const standIn = findStandIn(bench.stateDir);
    if (standIn !== undefined) rmSync(standIn, { recursive: true });
    bench.remove();
  });

  const revokeHint = () => `aws iot --region eu-central-1 update-certificate --certificate-id ${id} --new-status REVOKED`;

  function acceptAlert(stateDir = bench.stateDir): void {
    const lifetime = Lifetime.begin(stateDir);
    const { outbox, db } = openOutbox({ stateDir, maxBytes: 64 * 1024 ** 2, clock: systemClock(0), lifetime, groupMs: 1 });
    outbox.append({ class: 'alert', channel: 'fall', value: true });
    outbox.close();
    db.close();
  }

  it('shows what it would erase and how to revoke, and erases nothing until the thing’s name is repeated', async () => {
    const before = everything();
    for (const more of [[], ['--confirm', 'other-bot']]) {
      const { code, out, err } = await bench.run(['wipe', ...more]);
      assert.equal(code, 2);
      for (const text of [key(), 'claim.key.pem', revokeHint(), 'elderly-bot-cloud device revoke elderly-bot robot.pem']) {
        assert.ok(out.includes(text), `${text} is in ${out}`);
      }
      assert.match(err, /nothing was erased.*--confirm elderly-bot \[WIPE_UNCONFIRMED\]/);
    }
    assert.deepEqual(
      everything().filter((name) => !/lock/.test(name)),
      before,
    );
  });

  it('overwrites and removes the keys of robot and claim, and all certificates, and may be repeated', async () => {
    const open = openSync(key(), 'r');
    const secret = readFileSync(key(), 'utf8');
    const { code, out, err } = await bench.run(confirmed);
    assert.equal(code, 0, err);
    assert.ok(out.indexOf(revokeHint()) < out.indexOf('is erased'), 'the way to revoke comes first');
    assert.match(out, /SD cards and SSDs may keep old blocks.*only a disk that was encrypted/);
    assert.ok(!existsSync(claim()) && !existsSync(join(bench.stateDir, 'identity')));
    const left = Buffer.alloc(secret.length);
    readSync(open, left, 0, left.length, 0);
    closeSync(open);
    assert.ok(!left.toString('latin1').includes(secret.slice(40, 70)));
    assert.doesNotMatch(out + err, /PRIVATE KEY/);
    const again = await bench.run(confirmed);
    assert.equal(again.code, 0, again.err);
    assert.match(again.out, /^elderly-bot has no identity here\n/);
  });

  it('refuses while the agent runs', async () => {
    const lock = lockStateDir(bench.stateDir);
    const { code, err } = await bench.run(confirmed);
    lock.release();
    assert.equal(code, 2);
    assert.match(err, /is in use by another agent; stop the other agent first/);
    assert.ok(existsSync(key()));
  });

  it('keeps the outbox unless --data is given, and then undelivered alerts unless --undelivered is given', async () => {
    acceptAlert();
    writeFileSync(join(bench.stateDir, 'letters.txt'), 'of the user');
    const refused = await bench.run([...confirmed, '--data']);
    assert.equal(refused.code, 2);
    assert.match(refused.err, /holds 1 alert that the cloud does not have; start the agent until they are delivered/);
    assert.ok(existsSync(key()), 'nothing was erased');
    assert.equal((await bench.run(confirmed)).code, 0);
    assert.ok(existsSync(join(bench.stateDir, 'outbox.db')));
    const { code, out, err } = await bench.run([...confirmed, '--data', '--undelivered']);
    assert.equal(code, 0, err);
    assert.match(out, /elderly-bot did not make these files of state_dir, so they stay: letters\.txt\n/);
    assert.deepEqual(readdirSync(bench.stateDir), ['letters.txt']);
  });

  it('keeps alerts that are only in the stand-in of a failed disk, and files of the user that end like its own', async () => {
    acceptAlert(makeStandIn(bench.stateDir));
    writeFileSync(join(bench.stateDir, 'letters.new'), 'of the user');
    const refused = await bench.run([...confirmed, '--data']);
    assert.equal(refused.code, 2);
    assert.match(refused.err, /holds 1 alert that the cloud does not have/);
    const { code, err } = await bench.run([...confirmed, '--data', '--undelivered']);
    assert.equal(code, 0, err);
    assert.deepEqual(readdirSync(bench.stateDir), ['letters.new']);
    assert.equal(findStandIn(bench.stateDir), undefined);
  });

  it('leaves a key that has another name, with the certificate, and says so', async () => {
    linkSync(key(), bench.path('copy'));
    const { code, out } = await bench.run(confirmed);
    assert.equal(code, 1);
    assert.ok(out.includes(`STAYS: ${key()}: it has another name (a hard link)`), out);
    assert.match(out, /not everything is erased/);
    assert.ok(!existsSync(claim()), 'the other key is erased');
    assert.ok((await bench.run(confirmed)).out.includes(revokeHint()));
  });

  it('erases configured certificate files too', async () => {
    for (const name of ['key', 'cert'] as const) copyFileSync(files.robot[name], bench.path(`own-${name}.pem`));
    bench.configure(`mqtt: { endpoint: ${ENDPOINT}, root_ca: ${files.ca}, cert_file: own-cert.pem, private_key: own-key.pem }`);
    assert.equal((await bench.run(confirmed)).code, 0);
    assert.ok(!existsSync(bench.path('own-key.pem')) && !existsSync(bench.path('own-cert.pem')));
    assert.ok(existsSync(files.ca), 'the CA of the broker is no secret and not of this robot alone');
  });

  for (const point of WIPE_CRASH_POINTS) {
    it(`finishes in the next call after a kill at ${point}, which still knows the certificate while a key is there`, async () => {
      acceptAlert();
      const all = [...confirmed, '--data', '--undelivered'];
      assert.equal((await bench.run(all, { [CRASH_AT]: point })).signal, 'SIGKILL');
      const isKeyThere = existsSync(key()) || existsSync(claim());
      const { code, out, err } = await bench.run(all);
      assert.equal(code, 0, err);
      if (isKeyThere) assert.ok(out.includes(revokeHint()), out);
      assert.deepEqual(readdirSync(bench.stateDir), []);
      assert.ok(!existsSync(claim()));
    });
  }
});
