// Certificate rotation in a running agent: it gets the new certificate over its own connection and keeps the old one until the new one
// works.

import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { copyFileSync, existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';
import { decodeJwt } from 'jose';
import { addCertificate } from '../../cloud/src/auth/certificates.ts';
import { migrate } from '../../cloud/src/database/migrate.ts';
import { pgliteDatabase } from '../../cloud/src/database/pglite.ts';
import { Instance } from '../../cloud/test/support/instance.ts';
import { claimDomain, type RosDomain } from '../../scripts/lab/domain.ts';
import { AGENT, Program } from '../../scripts/lab/program.ts';
import { askReload, askStatus, type Status } from '../../src/status/index.ts';
import { ProvisioningBench } from '../support/provisioning.ts';
import { rosUnavailable } from '../support/ros.ts';
import { until } from '../support/until.ts';

const DAY_MS = 86_400_000;
const inDays = (days: number) => new Date(Date.now() + days * DAY_MS);

describe('the certificate of a running agent', { skip: rosUnavailable(), timeout: 300_000 }, () => {
  let domain: RosDomain;
  let bench: ProvisioningBench;
  let agent: Program | undefined;

  before(async () => {
    domain = await claimDomain();
  });

  after(() => domain.release());

  beforeEach(async () => {
    bench = await ProvisioningBench.start();
  });

  afterEach(async () => {
    await agent?.stop();
    agent = undefined;
    await bench.stop();
  });

  async function run(): Promise<Program> {
    agent = new Program('agent', AGENT, ['run', '--config', bench.config]);
    await agent.event('connected');
    return agent;
  }

  async function isConnected(): Promise<void> {
    await until(async () => (await askStatus(bench.stateDir)).link.state === 'connected', 'the agent is connected');
  }

  /** Events that announce a certificate, by the announced certificate. */
  const announced = () =>
    bench.core.published
      .filter(({ topic, text }) => topic === 'elderly_bot/events' && text.includes('"certificate_next"'))
      .map(({ text }) => {
        const { announcement } = JSON.parse(text) as { announcement: string };
        const { next } = decodeJwt<{ next: string }>(announcement);
        return { text, cert: new X509Certificate(Buffer.from(next, 'base64')).toString().trim() };
      });

  const isAnnounced = async (cert: string | undefined) => {
    await until(() => announced().some((event) => event.cert === cert?.trim()), 'the certificate is announced');
  };

  const codes = ({ problems }: Status) => problems.map(({ code, subject }) => `${code} ${subject}`.trim());

  it('is renewed automatically in time, which clears the problem', async () => {
    await bench.handOver('short', inDays(20));
    bench.configureRobot({ rotate_before: '30d' });
    const old = bench.inUse()?.cert;
    const running = await run();
    await running.event('problem_raised', ({ code }) => code === 'certificate_expires');
    await running.event('rotated');
    await running.event('problem_cleared', ({ code }) => code === 'certificate_expires');
    assert.notEqual(bench.inUse()?.cert, old);
    assert.ok(!existsSync(bench.slots.path(bench.slots.spare, 'key')));
    assert.equal((await askStatus(bench.stateDir)).link.state, 'connected');
    assert.equal(bench.core.active.length, 2);
    assert.equal(await running.stop(), 0);
    await run();
  });

  it('is renewed by `certs rotate` through the agent; a failing new certificate changes nothing', async () => {
    await bench.handOver('own');
    await run();
    const old = bench.inUse()?.cert;
    bench.core.behave({ slowActivations: 1_000 });
    const refused = await bench.run(['rotate']);
    assert.equal(refused.code, 2, refused.out);
    assert.match(refused.err, /the new certificate does not work: connect: .*PROVISIONING_FAILED/);
    assert.equal(bench.inUse()?.cert, old);
    await isConnected();
    bench.core.behave({});
    const rotated = await bench.run(['rotate', '--json']);
    assert.equal(rotated.code, 0, rotated.err);
    assert.notEqual(bench.inUse()?.cert, old);
    // The agent kept the certificate that failed before, and it works now.
    assert.equal(bench.core.creates, 1);
    assert.deepEqual(JSON.parse(rotated.out).slot, bench.slots.current);
    const verified = await bench.run(['verify', '--online']);
    assert.match(verified.out, /online {7}ok\n {2}the running agent is connected/);
    await isAnnounced(bench.inUse()?.cert);
  });

  it('is announced to the cloud once by the next run after a `rotate` without an agent', async () => {
    await bench.handOver('own');
    const db = await pgliteDatabase('memory:');
    try {
      await migrate(db);
      await addCertificate(db, 'elderly-bot', bench.inUse()?.cert ?? '');
      assert.equal((await bench.run(['rotate'])).code, 0);
      assert.equal((await bench.run(['rotate'])).code, 0);
      const last = bench.inUse()?.cert;
      const running = await run();
      await isAnnounced(last);
      assert.equal(await running.stop(), 0);
      assert.equal(announced().length, 2);
      const cloud = new Instance(db);
      for (const { text } of announced()) await cloud.send('elderly_bot/events', text);
      await cloud.stop();
      const known = await db.query<{ certificate: string }>('select certificate from device_certificates order by added_at');
      assert.equal(known.length, 3);
      assert.equal(known.at(-1)?.certificate.trim(), last?.trim());
      const again = await run();
      await again.event('started');
      assert.equal(await again.stop(), 0);
      assert.equal(announced().length, 2);
    } finally {
      await db.close();
    }
  });

  it('stays the old one if AWS refuses a new one, and the problem says so', async () => {
    await bench.handOver('short', inDays(3));
    bench.configureRobot({ rotate_before: '30d' });
    bench.core.behave({ create: () => ({ statusCode: 403, errorCode: 'AccessDenied', errorMessage: 'no' }) });
    const running = await run();
    await running.event('problem_raised', ({ code }) => code === 'rotation_failed');
    const status = await askStatus(bench.stateDir);
    assert.deepEqual(codes(status).sort(), ['certificate_expires_soon 7d', 'rotation_failed']);
    assert.equal(status.link.state, 'connected');
    assert.equal(bench.core.creates, 1);
  });

  it('is replaced by an imported one, on `reload` or by itself, and restored if the broker refuses that', async () => {
    await bench.handOver('own');
    const running = await run();
    const own = bench.inUse()?.cert;
    const files = async (name: string) => {
      const pair = await bench.files.authority.issue(bench.path('certs'), name, { name: 'elderly-bot' });
      return { args: ['import', pair.cert, pair.key], cert: pair.cert };
    };
    const unknown = await files('unknown');
    assert.equal((await bench.run(unknown.args)).code, 0);
    assert.deepEqual((await askReload(bench.stateDir)).applied, ['certificate']);
    await running.event('problem_raised', ({ code }) => code === 'rotation_failed');
    assert.equal(bench.inUse()?.cert, own);
    const known = await files('known');
    bench.core.registerFile(known.cert, 'elderly-bot');
    assert.equal((await bench.run(known.args)).code, 0);
    await running.event('certificate_changed');
    assert.deepEqual(codes(await askStatus(bench.stateDir)), []);
    await isAnnounced(bench.inUse()?.cert);
    assert.equal(announced().length, 1, 'the one that was refused is not announced');
    assert.equal(await running.stop(), 0);
  });

  it('is read again by `reload` if the configuration names its path', async () => {
    const issue = (name: string) => bench.files.authority.issue(bench.path('certs'), name, { name: 'elderly-bot' });
    const [first, second] = [await issue('first'), await issue('second')];
    for (const { cert } of [first, second]) bench.core.registerFile(cert, 'elderly-bot');
    const env = { ...process.env, AWS_CERT_FILE: first.cert, AWS_PRIVATE_KEY: first.key };
    agent = new Program('agent', AGENT, ['run', '--config', bench.config], env);
    await agent.event('connected');
    for (const file of ['cert', 'key'] as const) copyFileSync(second[file], first[file]);
    await askReload(bench.stateDir);
    await agent.event('certificate_changed');
    await isAnnounced(readFileSync(second.cert, 'utf8'));
    assert.ok(!existsSync(join(bench.stateDir, 'identity')));
  });
});
