// Tests fleet provisioning against a simulated IoT Core. It ends with a working certificate or with the error text of AWS, and the old
// identity stays in use until then. After a kill between any two steps it continues, and it never creates a second thing.
import assert from 'node:assert/strict';
import { closeSync, existsSync, linkSync, openSync, readFileSync, readSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { CRASH_AT, PROVISION_CRASH_POINTS } from '../../src/base/index.ts';
import { AgentError } from '../../src/errors.ts';
import { FakeClock, fakeClockMissing } from '../faults/fakeClock.ts';
import type { Rejection } from '../support/iotCore.ts';
import { ProvisioningBench } from '../support/provisioning.ts';

const rejection = (statusCode: number, errorCode: string, errorMessage = 'a text of AWS'): Rejection => ({
  statusCode,
  errorCode,
  errorMessage,
});
const FORBIDDEN = rejection(403, 'AccessDenied', 'Access Denied');

/** Permanent refusals, with their remedies. */
const FINAL: readonly (readonly [Rejection, RegExp])[] = [
  [rejection(400, 'InvalidParameters'), /parameters/],
  [FORBIDDEN, /policy/],
  [rejection(404, 'ResourceNotFound'), /provisioning\.template/],
  [rejection(409, 'ResourceConflict'), /console/],
];
const TEMPORARY = [rejection(429, 'Throttled'), rejection(500, 'InternalError'), rejection(503, 'ServiceUnavailable')];

describe('fleet provisioning', { timeout: 300_000 }, () => {
  let bench: ProvisioningBench;

  let claimKey: string;
  const claim = () => bench.path('certs/claim.key.pem');

  beforeEach(async () => {
    bench = await ProvisioningBench.start();
    claimKey = readFileSync(claim(), 'utf8');
  });

  afterEach(() => bench.stop());

  async function failsWith(code: string, pattern: RegExp): Promise<void> {
    await assert.rejects(bench.provision(500), (error: unknown) => {
      assert.ok(error instanceof AgentError, String(error));
      assert.equal(error.code, code, error.line);
      assert.match(error.line, pattern);
      assert.doesNotMatch(error.line, /token-|PRIVATE/);
      return true;
    });
  }

  function assertProvisioned(): void {
    const { core } = bench;
    assert.deepEqual([...core.things], ['elderly-bot']);
    assert.equal(core.active.length, 1);
    assert.equal(bench.inUse()?.cert.trim(), core.active[0]?.pem.trim());
    assert.ok(core.connected.includes('elderly-bot'));
  }

  for (const key of ['ec', 'rsa']) {
    it(`gets a certificate for its own ${key} key, tests the certificate and uses it`, async () => {
      bench.configureRobot({ key });
      const { certificateId } = await bench.provision();
      assert.match(certificateId, /^[0-9a-f]{64}$/);
      assertProvisioned();
      assert.equal(bench.inUse()?.certificate.publicKey.asymmetricKeyType, key);
      assert.equal(bench.slots.read('a', 'pending'), undefined);
    });
  }

  for (const [answer, remedy] of FINAL) {
    it(`ends with the text of AWS after ${answer.statusCode} ${answer.errorCode} to the request for a certificate`, async () => {
      bench.core.behave({ create: () => answer });
      await failsWith(
        'PROVISIONING_REFUSED',
        new RegExp(`${answer.statusCode} ${answer.errorCode} ${answer.errorMessage}.*; .*${remedy.source}`),
      );
      assert.equal(bench.core.creates, 1);
      bench.core.behave({});
      await bench.provision();
      assertProvisioned();
    });

    it(`continues with the same certificate after ${answer.statusCode} ${answer.errorCode} to the registration ended a call`, async () => {
      bench.core.behave({ provision: () => answer });
      await failsWith('PROVISIONING_REFUSED', remedy);
      assert.equal(bench.inUse(), undefined);
      bench.core.behave({});
      await bench.provision();
      assert.equal(bench.core.certificates.size, 1);
      assertProvisioned();
    });
  }

  for (const answer of TEMPORARY) {
    it(`repeats a request after the temporary failure ${answer.statusCode} ${answer.errorCode}`, async () => {
      bench.core.behave({ create: (nth) => (nth < 3 ? answer : 'accept'), provision: (nth) => (nth < 3 ? answer : 'accept') });
      await bench.provision();
      assertProvisioned();
    });
  }

  it('stops after five attempts if AWS throttles every request', async () => {
    bench.core.behave({ provision: () => rejection(429, 'Throttled') });
    await failsWith('PROVISIONING_REFUSED', /429 Throttled.*later/);
    assert.equal(bench.core.provisions, 5);
  });

  it('refuses an answer that is empty or not JSON', async () => {
    for (const [reply, pattern] of [
      ['garbage', /contains no certificate/],
      ['empty', /contains no certificate/],
    ] as const) {
      bench.core.behave({ create: () => reply });
      await failsWith('PROVISIONING_FAILED', pattern);
    }
    bench.core.behave({ provision: () => 'empty' });
    await failsWith('PROVISIONING_FAILED', /names no thing/);
  });

  it('reports a missing answer, a lost connection and a forbidden topic', async () => {
    bench.core.behave({ create: () => 'silence' });
    await failsWith('PROVISIONING_FAILED', /no answer on \$aws\/certificates\/create-from-csr\/json within 0\.5 s/);
    bench.core.behave({ create: () => 'cut' });
    await failsWith('PROVISIONING_FAILED', /closed the connection after the request on \$aws.*; .*policy/);
    bench.core.behave({ forbidden: ['$aws/provisioning-templates'] });
    await failsWith(
      'PROVISIONING_FAILED',
      /refused the subscription of \$aws\/provisioning-templates\/elderly-bot\/provision\/json\/accepted.*policy/,
    );
    bench.core.behave({});
    await bench.provision();
    assertProvisioned();
  });

  it('uses a working certificate although the answer to its registration was lost', async () => {
    await bench.run(['provision'], { [CRASH_AT]: 'provision_registered' });
    await bench.provision();
    assert.equal(bench.core.creates, 1);
    assertProvisioned();
  });

  it('gets another certificate for the same key after the ownership token expired', async () => {
    bench.core.behave({ provision: () => FORBIDDEN });
    await failsWith('PROVISIONING_REFUSED', /403/);
    const key = bench.slots.read('a', 'key');
    bench.core.passHour();
    bench.core.behave({});
    await bench.provision();
    assert.equal(bench.core.creates, 2);
    assert.equal(bench.slots.read('a', 'key'), key);
    assertProvisioned();
  });

  it('repeats the trial until IoT Core accepts the new certificate', async () => {
    bench.core.behave({ slowActivations: 3 });
    await bench.provision();
    assertProvisioned();
  });

  it('does not use a certificate that may not publish, and tests it again in the next call', async () => {
    bench.core.behave({ forbidden: ['elderly_bot/presence'] });
    await failsWith('PROVISIONING_FAILED', /new certificate does not work: publish: .*elderly_bot\/presence/);
    assert.equal(bench.inUse(), undefined);
    bench.core.behave({ forbidden: ['elderly_bot/commands'] });
    await failsWith('PROVISIONING_FAILED', /subscribe: .*elderly_bot\/commands/);
    bench.core.behave({});
    await bench.provision();
    assert.equal(bench.core.creates, 1);
    assertProvisioned();
  });

  it('reports that the template created another thing, and continues after a correction of the configuration', async () => {
    bench.core.behave({ thingFor: () => 'robot-4711' });
    await failsWith('PROVISIONING_FAILED', /created the thing robot-4711, but this robot is elderly-bot; set thing: robot-4711/);
    bench.configureRobot({}, 'thing: robot-4711');
    await bench.provision();
    assert.deepEqual([...bench.core.things], ['robot-4711']);
    assert.equal(bench.core.creates, 1);
  });

  it('refuses a missing claim key, a key of another claim, and a claim that the broker does not know', async () => {
    bench.configureRobot({ claim_key: null });
    await failsWith('PROVISIONING_UNSET', /claim_key.*docs\/guide\/certificates\.md/);
    bench.configureRobot({ claim_key: 'certs/broker.key.pem' });
    await failsWith('KEY_MISMATCH', /private_key of the claim/);
    bench.configureRobot();
    const stranger = await ProvisioningBench.start();
    try {
      bench.configureRobot({ claim_cert: stranger.path('certs/claim.crt.pem'), claim_key: stranger.path('certs/claim.key.pem') });
      await failsWith('PROVISIONING_FAILED', /no connection to localhost/);
    } finally {
      await stranger.stop();
    }
  });

  it('keeps the certificate in a second call, and replaces it with --again', async () => {
    await bench.provision();
    const before = bench.inUse()?.cert;
    const again = await bench.run(['provision']);
    assert.equal(again.code, 0, again.err);
    assert.match(again.out, /already has a certificate, valid until/);
    assert.equal(bench.core.creates, 1);
    assert.match((await bench.run(['provision', '--again'])).err, /claim's key .* is not there; copy it to the robot \(again\)/);
    writeFileSync(claim(), claimKey, { mode: 0o600 });
    const third = await bench.run(['provision', '--again', '--json']);
    assert.equal(third.code, 0, third.err);
    assert.equal(JSON.parse(third.out).slot, 'b');
    assert.notEqual(bench.inUse()?.cert, before);
  });

  it('erases the claim’s key once its own certificate is tested and in use, not before, and unless --keep-claim is given', async () => {
    bench.core.behave({ forbidden: ['elderly_bot/presence'] });
    await failsWith('PROVISIONING_FAILED', /does not work/);
    assert.equal(readFileSync(claim(), 'utf8'), claimKey);
    bench.core.behave({});
    const kept = await bench.run(['provision', '--keep-claim']);
    assert.equal(kept.code, 0, kept.err);
    assert.equal(readFileSync(claim(), 'utf8'), claimKey);
    const open = openSync(claim(), 'r');
    const erased = await bench.run(['provision', '--again']);
    assert.match(erased.err, /erased the claim's key .*certs\/claim\.key\.pem; flash media may keep old blocks/);
    assert.ok(!existsSync(claim()));
    const left = Buffer.alloc(claimKey.length);
    readSync(open, left, 0, left.length, 0);
    closeSync(open);
    assert.ok(!left.toString('latin1').includes(claimKey.slice(40, 60)), 'its bytes were overwritten before it was removed');
  });

  it('leaves a claim’s key that something else may use, and says so', async () => {
    linkSync(claim(), bench.path('other-name'));
    const linked = await bench.run(['provision']);
    assert.equal(linked.code, 0, linked.err);
    assert.match(linked.err, /WARNING: the claim's key .* stays, because it has another name \(a hard link\)/);
    assert.equal(readFileSync(claim(), 'utf8'), claimKey);
    rmSync(claim());
    symlinkSync(bench.path('other-name'), claim());
    assert.match((await bench.run(['provision', '--again'])).err, /stays, because it is a symbolic link/);
    assert.equal(readFileSync(bench.path('other-name'), 'utf8'), claimKey);
  });

  it('reports a wrong clock, and does not request another certificate', { skip: fakeClockMissing() }, async () => {
    await bench.run(['provision'], { [CRASH_AT]: 'provision_registered' });
    const cert = readFileSync(join(bench.stateDir, 'identity/a/cert.pem'), 'utf8');
    const clock = new FakeClock(bench.path('clock'));
    clock.set(-Math.round(Date.now() / 1_000));
    const wrong = await bench.run(['provision'], clock.env());
    assert.equal(wrong.code, 2);
    assert.match(wrong.err, /let the clock synchronise/);
    assert.equal(bench.core.creates, 1);
    assert.equal(readFileSync(join(bench.stateDir, 'identity/a/cert.pem'), 'utf8'), cert);
    assert.equal((await bench.run(['provision'])).code, 0);
    assert.equal(bench.core.creates, 1);
  });

  it('starts from the beginning if its state file is damaged', async () => {
    bench.core.behave({ provision: () => FORBIDDEN });
    await failsWith('PROVISIONING_REFUSED', /403/);
    writeFileSync(bench.slots.path('a', 'pending'), '{"tok');
    bench.core.behave({});
    await bench.provision();
    assertProvisioned();
  });

  for (const point of PROVISION_CRASH_POINTS) {
    it(`completes in the next call after a kill at ${point}`, async () => {
      const killed = await bench.run(['provision'], { [CRASH_AT]: point });
      assert.equal(killed.signal, 'SIGKILL', killed.err);
      const last = await bench.run(['provision']);
      assert.equal(last.code, 0, last.err);
      assertProvisioned();
      const { current } = bench.slots;
      assert.ok(current);
      assert.equal(bench.slots.read(current, 'pending'), undefined);
      assert.ok(!existsSync(claim()), 'the claim’s key is erased');
    });
  }
});
