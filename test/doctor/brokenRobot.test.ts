// Tests the doctor with real parts. Each test breaks one part of the robot. The doctor must report exactly this cause first, with a
// remedy and a command, and list all consequences under it.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { ROOT } from '../../scripts/lab/program.ts';
import { FakeClock, fakeClockMissing } from '../faults/fakeClock.ts';
import { Volume } from '../faults/volume.ts';
import { mosquittoUnavailable } from '../support/mosquitto.ts';
import { OpenSsl, opensslMissing } from '../support/openssl.ts';
import { rosUnavailable } from '../support/ros.ts';
import { assertCause, Fixtures } from './fixtures.ts';
import { damageOutbox, leaveOutbox } from './leftOutbox.ts';

const skip = rosUnavailable() || mosquittoUnavailable();
const asRoot = process.getuid?.() === 0 ? false : 'needs root';
const DAY_MS = 86_400_000;

describe('the doctor with one fault of the robot', { skip, timeout: 300_000, concurrency: 4 }, () => {
  let fixtures: Fixtures;

  before(async () => {
    fixtures = await Fixtures.open();
  });

  after(() => fixtures?.close());

  const config = (text: string) => fixtures.addRobot({ config: text });

  it('reports a missing configuration', async () => {
    const robot = await fixtures.addRobot();
    rmSync(robot.configFile);
    assertCause(await robot.examine(), 'configuration', /robot\.yaml: no such file/);
  });

  it('reports an unknown key of the configuration', async () => {
    assertCause(
      await (await config('mqtt: { keepalife: 10s }\n')).examine(),
      'configuration',
      /robot\.yaml:4:9: unknown key mqtt\.keepalife, did you mean keepalive/,
    );
  });

  it('reports an invalid channel of the configuration', async () => {
    assertCause(
      await (await config('channels: { gas: { class: alarm } }\n')).examine(),
      'configuration',
      /channels\.gas\.class is "alarm"/,
    );
  });

  it('reports a private key that others can read', async () => {
    const robot = await fixtures.addRobot();
    chmodSync(robot.files.key, 0o644);
    const found = await robot.examine();
    assertCause(found, 'key', /mode 0644/);
    assert.equal(found.causes[0]?.command, `chmod 600 ${robot.files.key}`);
  });

  it('reports a private key of another certificate', async () => {
    const [robot, other] = [await fixtures.addRobot(), await fixtures.addRobot()];
    assertCause(await robot.examine({ AWS_PRIVATE_KEY: other.files.key }), 'key', /does not belong to the certificate/);
  });

  it('reports a private key with a passphrase', { skip: opensslMissing() }, async () => {
    const robot = await fixtures.addRobot();
    const key = new OpenSsl(join(robot.folder, 'openssl')).key('rsa-encrypted');
    assertCause(await robot.examine({ AWS_PRIVATE_KEY: key }), 'key', /passphrase/);
  });

  it('reports a missing certificate', async () => {
    const robot = await fixtures.addRobot();
    rmSync(robot.files.cert);
    assertCause(await robot.examine(), 'certificate', /cert_file .*: no such file/);
  });

  it('reports a missing root CA', async () => {
    const robot = await fixtures.addRobot();
    assertCause(await robot.examine({ AWS_ROOT_CA: join(robot.folder, 'none.pem') }), 'certificate', /root_ca .*none\.pem: no such file/);
  });

  it('reports an expired certificate', async () => {
    const over = { notBefore: new Date(Date.now() - 9 * DAY_MS), notAfter: new Date(Date.now() - DAY_MS) };
    assertCause(await (await fixtures.addRobot({ certificate: over })).examine(), 'certificate', /was valid until/);
  });

  it('reports a certificate that expires soon', async () => {
    const soon = { notAfter: new Date(Date.now() + 5.5 * DAY_MS) };
    assertCause(await (await fixtures.addRobot({ certificate: soon })).examine(), 'certificate', /5 days from now/);
  });

  it('reports a certificate for servers', async () => {
    assertCause(await (await fixtures.addRobot({ certificate: { server: true } })).examine(), 'certificate', /is for servers/);
  });

  for (const [year, seen] of [
    [1970, /shows 1970-01-01.* before this program was released/],
    [2028, /this robot’s certificate and the broker’s have both expired/],
  ] as const) {
    it(`reports a clock that shows the year ${year}`, { skip: fakeClockMissing() }, async () => {
      const robot = await fixtures.addRobot();
      const clock = new FakeClock(join(robot.folder, 'clock'));
      clock.set(Math.round((Date.UTC(year, 0, 1, 12) - Date.now()) / 1_000));
      const found = await robot.examine(clock.env());
      assertCause(found, 'clock', seen);
    });
  }

  it('reports a damaged outbox file', async () => {
    const robot = await fixtures.addRobot();
    leaveOutbox(robot.stateDir, 0);
    damageOutbox(robot.stateDir);
    assertCause(await robot.examine(), 'outbox_file', /is damaged/);
  });

  it('reports an alert that has waited for hours', async () => {
    const robot = await fixtures.addRobot();
    leaveOutbox(robot.stateDir, 3 * 3_600_000);
    assertCause(await robot.examine(), 'outbox_backlog', /an alert has waited for 180 minutes/);
  });

  it('reports a file in place of the state directory', async () => {
    const robot = await fixtures.addRobot();
    writeFileSync(robot.stateDir, '');
    assertCause(await robot.examine(), 'state_dir', /is not a folder/);
  });

  it('reports a full disk', { skip: asRoot }, async () => {
    const robot = await fixtures.addRobot();
    const volume = await Volume.tmpfs(robot.stateDir, 1024 ** 2);
    try {
      chmodSync(robot.stateDir, 0o700);
      writeFileSync(join(robot.stateDir, 'film'), Buffer.alloc(1024 ** 2));
      assertCause(await robot.examine(), 'disk_space', /^0 MiB free/);
    } finally {
      await volume.unmount();
    }
  });

  it('reports a read-only file system', { skip: asRoot }, async () => {
    const robot = await fixtures.addRobot();
    const volume = await Volume.tmpfs(robot.stateDir, 64 * 1024 ** 2);
    try {
      await volume.makeReadOnly();
      assertCause(await robot.examine(), 'state_dir', /is on a read-only file system/);
    } finally {
      await volume.unmount();
    }
  });

  it('reports a process that holds the state directory and does not answer', async () => {
    const robot = await fixtures.addRobot();
    mkdirSync(robot.stateDir, { recursive: true });
    const program = `const { lockStateDir } = await import('./src/state/index.ts'); const lock = lockStateDir(${JSON.stringify(robot.stateDir)}); console.log('held'); setInterval(() => lock, 1e6);`;
    const holder = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', program], {
      cwd: ROOT,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await once(holder.stdout, 'data');
    const found = await robot.examine();
    holder.kill('SIGKILL');
    assertCause(found, 'agent', new RegExp(`process ${holder.pid} holds`));
  });
});
