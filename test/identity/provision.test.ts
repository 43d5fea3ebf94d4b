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

/** What can't pass by itself, and what a person is told to do. */
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
    it(`gets a certificate for a key of its own (${key}), tries it, and uses it`, async () => {
      bench.configureRobot({ key });
      const { certificateId } = await bench.provision();
      assert.match(certificateId, /^[0-9a-f]{64}$/);
      isWell();
      assert.equal(bench.inUse()?.certificate.publicKey.asymmetricKeyType, key);
      assert.equal(bench.slots.read('a', 'pending'), undefined);
    });
  }

  for (const [answer, todo] of FINAL) {
    it(`${answer.statusCode} ${answer.errorCode} to the request for a certificate ends it, in AWS’s words`, async () => {
      bench.core.behave({ create: () => answer });
      await failsWith(
        'PROVISIONING_REFUSED',
        new RegExp(`${answer.statusCode} ${answer.errorCode} ${answer.errorMessage}.*; .*${todo.source}`),
      );
      assert.equal(bench.core.creates, 1);
      bench.core.behave({});
      await bench.provision();
      isWell();
    });

    it(`${answer.statusCode} ${answer.errorCode} to the registration ends it; the next call goes on with the same certificate`, async () => {
      bench.core.behave({ provision: () => answer });
      await failsWith('PROVISIONING_REFUSED', todo);
      assert.equal(bench.inUse(), undefined);
      bench.core.behave({});
      await bench.provision();
      assert.equal(bench.core.certificates.size, 1);
      isWell();
    });
  }

  for (const answer of PASSING) {
    it(`${answer.statusCode} ${answer.errorCode} passes: it asks again, and five times at most`, async () => {
      bench.core.behave({ create: (nth) => (nth < 3 ? answer : 'accept'), provision: (nth) => (nth < 3 ? answer : 'accept') });
      await bench.provision();
      isWell();
    });
  }

  it('throttled for ever it gives up, and says so', async () => {
    bench.core.behave({ provision: () => rejection(429, 'Throttled') });
    await failsWith('PROVISIONING_REFUSED', /429 Throttled.*later/);
    assert.equal(bench.core.provisions, 5);
  });

  it('an answer that is no JSON, or has nothing in it', async () => {
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

  it('no answer, a connection that is cut, a topic that is forbidden', async () => {
    bench.core.behave({ create: () => 'silence' });
    await failsWith('PROVISIONING_FAILED', /no answer on \$aws\/certificates\/create-from-csr\/json within 0\.5 s/);
    bench.core.behave({ create: () => 'cut' });
    await failsWith('PROVISIONING_FAILED', /closed the connection when \$aws.* was asked; .*policy/);
    bench.core.behave({ forbidden: ['$aws/provisioning-templates'] });
    await failsWith(
      'PROVISIONING_FAILED',
      /refused the subscription of \$aws\/provisioning-templates\/elderly-bot\/provision\/json\/accepted.*policy/,
    );
    bench.core.behave({});
    await bench.provision();
    isWell();
  });

  it('an answer that was lost after the registration: the certificate works, so it is used', async () => {
    bench.core.behave({ provision: (nth) => (nth === 1 ? 'accept' : 'accept') });
    await bench.run(['provision'], { [CRASH_AT]: 'provision_registered' });
    await bench.provision();
    assert.equal(bench.core.creates, 1);
    isWell();
  });

  it('an ownership token that is over after an hour: the same key gets another certificate', async () => {
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

  it('a certificate that IoT Core lets in only after moments is tried again', async () => {
    bench.core.behave({ slowActivations: 3 });
    await bench.provision();
    isWell();
  });

  it('a certificate that may not publish is not used, and the next call tries the same again', async () => {
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

  it('a template that names the thing otherwise: said, and taken up once the configuration says so too', async () => {
    bench.core.behave({ thingFor: () => 'robot-4711' });
    await failsWith('PROVISIONING_FAILED', /made the thing robot-4711, and this robot is elderly-bot; set thing: robot-4711/);
    bench.configureRobot({}, 'thing: robot-4711');
    await bench.provision();
    assert.deepEqual([...bench.core.things], ['robot-4711']);
    assert.equal(bench.core.creates, 1);
  });

  it('lacks a claim, or has a loose one', async () => {
    bench.configureRobot({ claim_key: null });
    await failsWith('PROVISIONING_UNSET', /claim_key.*docs\/certificates\.md/);
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

  it('a second call, or one beside a running agent’s lock, changes nothing', async () => {
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

  it('with a wrong clock it says that, and asks for no other certificate', { skip: fakeClockMissing() }, async () => {
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

  it('a note of what is under way that was garbled begins anew', async () => {
    bench.core.behave({ provision: () => FORBIDDEN });
    await failsWith('PROVISIONING_REFUSED', /403/);
    writeFileSync(bench.slots.path('a', 'pending'), '{"tok');
    bench.core.behave({});
    await bench.provision();
    isWell();
  });

  for (const point of PROVISION_CRASH_POINTS) {
    it(`killed at ${point} the next call ends it`, async () => {
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
