// Fleet provisioning against a stand-in for IoT Core: it ends with a certificate that works, or with what AWS said, and what is there
// goes on being used; killed between any two steps it goes on, and never leaves a second thing behind.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { CRASH_AT, PROVISION_CRASH_POINTS } from '../../src/base/index.ts';
import { AgentError } from '../../src/errors.ts';
import { FakeClock, fakeClockMissing } from '../faults/fakeClock.ts';
import type { Rejection } from '../support/iotCore.ts';
import { ProvisioningBench } from '../support/provisioning.ts';

const rejection = (statusCode: number, errorCode: string, errorMessage = 'so it was said'): Rejection => ({
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
const PASSING = [rejection(429, 'Throttled'), rejection(500, 'InternalError'), rejection(503, 'ServiceUnavailable')];

describe('fleet provisioning', { timeout: 120_000 }, () => {
  let bench: ProvisioningBench;

  beforeEach(async () => {
    bench = await ProvisioningBench.start();
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

  function isWell(): void {
    const { core } = bench;
    assert.deepEqual([...core.things], ['elderly-bot']);
    assert.equal(core.active.length, 1);
    assert.equal(bench.inUse()?.cert.trim(), core.active[0]?.pem.trim());
    assert.ok(core.connected.includes('elderly-bot'));
  }

  for (const key of ['ec', 'rsa']) {
    it(`gets a certificate for a key of its own (${key}), tries it and uses it`, async () => {
      bench.configureRobot({ key });
      const { certificateId } = await bench.provision();
      assert.match(certificateId, /^[0-9a-f]{64}$/);
      isWell();
      assert.equal(bench.inUse()?.certificate.publicKey.asymmetricKeyType, key);
      assert.equal(bench.slots.read('a', 'pending'), undefined);
    });
  }

  for (const [answer, remedy] of FINAL) {
    it(`${answer.statusCode} ${answer.errorCode} to the request for a certificate ends it, in AWS’s words`, async () => {
      bench.core.behave({ create: () => answer });
      await failsWith(
        'PROVISIONING_REFUSED',
        new RegExp(`${answer.statusCode} ${answer.errorCode} ${answer.errorMessage}.*; .*${remedy.source}`),
      );
      assert.equal(bench.core.creates, 1);
      bench.core.behave({});
      await bench.provision();
      isWell();
    });

    it(`${answer.statusCode} ${answer.errorCode} to the registration ends it; the next call continues with the same certificate`, async () => {
      bench.core.behave({ provision: () => answer });
      await failsWith('PROVISIONING_REFUSED', remedy);
      assert.equal(bench.inUse(), undefined);
      bench.core.behave({});
      await bench.provision();
      assert.equal(bench.core.certificates.size, 1);
      isWell();
    });
  }

  for (const answer of PASSING) {
    it(`${answer.statusCode} ${answer.errorCode} is temporary: it repeats the request up to five times`, async () => {
      bench.core.behave({ create: (nth) => (nth < 3 ? answer : 'accept'), provision: (nth) => (nth < 3 ? answer : 'accept') });
      await bench.provision();
      isWell();
    });
  }

  it('gives up with a reason if AWS throttles it for ever', async () => {
    bench.core.behave({ provision: () => rejection(429, 'Throttled') });
    await failsWith('PROVISIONING_REFUSED', /429 Throttled.*later/);
    assert.equal(bench.core.provisions, 5);
  });

  it('refuses an answer that is empty or not JSON', async () => {
    for (const [reply, pattern] of [
      ['garbage', /no certificate in it/],
      ['empty', /no certificate in it/],
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
    isWell();
  });

  it('uses a certificate that works although the answer to its registration was lost', async () => {
    bench.core.behave({ provision: (nth) => (nth === 1 ? 'accept' : 'accept') });
    await bench.run(['provision'], { [CRASH_AT]: 'provision_registered' });
    await bench.provision();
    assert.equal(bench.core.creates, 1);
    isWell();
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
    isWell();
  });

  it('repeats the trial of a certificate that IoT Core accepts after some seconds', async () => {
    bench.core.behave({ slowActivations: 3 });
    await bench.provision();
    isWell();
  });

  it('does not use a certificate that may not publish; the next call tries it again', async () => {
    bench.core.behave({ forbidden: ['elderly_bot/presence'] });
    await failsWith('PROVISIONING_FAILED', /new certificate does not work: publish: .*elderly_bot\/presence/);
    assert.equal(bench.inUse(), undefined);
    bench.core.behave({ forbidden: ['elderly_bot/commands'] });
    await failsWith('PROVISIONING_FAILED', /subscribe: .*elderly_bot\/commands/);
    bench.core.behave({});
    await bench.provision();
    assert.equal(bench.core.creates, 1);
    isWell();
  });

  it('reports a template’s other thing name, and continues after the configuration is corrected', async () => {
    bench.core.behave({ thingFor: () => 'robot-4711' });
    await failsWith('PROVISIONING_FAILED', /made the thing robot-4711, and this robot is elderly-bot; set thing: robot-4711/);
    bench.configureRobot({}, 'thing: robot-4711');
    await bench.provision();
    assert.deepEqual([...bench.core.things], ['robot-4711']);
    assert.equal(bench.core.creates, 1);
  });

  it('refuses a missing claim, and a claim key that others can read', async () => {
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

  it('changes nothing in a second call, or beside a running agent’s lock', async () => {
    await bench.provision();
    const before = bench.inUse()?.cert;
    const again = await bench.run(['provision']);
    assert.equal(again.code, 0, again.err);
    assert.match(again.out, /has a certificate already, valid until/);
    assert.equal(bench.core.creates, 1);
    const third = await bench.run(['provision', '--again', '--json']);
    assert.equal(third.code, 0, third.err);
    assert.equal(JSON.parse(third.out).slot, 'b');
    assert.notEqual(bench.inUse()?.cert, before);
  });

  it('reports a wrong clock, and requests no other certificate', { skip: fakeClockMissing() }, async () => {
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

  it('with a damaged state file it starts from the beginning', async () => {
    bench.core.behave({ provision: () => FORBIDDEN });
    await failsWith('PROVISIONING_REFUSED', /403/);
    writeFileSync(bench.slots.path('a', 'pending'), '{"tok');
    bench.core.behave({});
    await bench.provision();
    isWell();
  });

  for (const point of PROVISION_CRASH_POINTS) {
    it(`completes with the next call after a kill at ${point}`, async () => {
      const killed = await bench.run(['provision'], { [CRASH_AT]: point });
      assert.equal(killed.signal, 'SIGKILL', killed.err);
      const last = await bench.run(['provision']);
      assert.equal(last.code, 0, last.err);
      isWell();
      const { current } = bench.slots;
      assert.ok(current);
      assert.equal(bench.slots.read(current, 'pending'), undefined);
    });
  }
});
