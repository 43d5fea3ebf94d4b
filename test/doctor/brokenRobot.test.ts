// Systems broken on purpose, each in one way and with real parts: the doctor names exactly that, first, with what to do and what to
// type, and puts all that follows from it under it. Here: what is on the robot.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { FakeClock, fakeClockMissing } from '../faults/fakeClock.ts';
import { Volume } from '../faults/volume.ts';
import { findMosquitto } from '../support/mosquitto.ts';
import { OpenSsl, opensslMissing } from '../support/openssl.ts';
import { ROOT } from '../support/program.ts';
import { rosUnavailable } from '../support/ros.ts';
import { Ward } from './fixtures.ts';
import { damageOutbox, leaveOutbox } from './leftOutbox.ts';
import { names } from './names.ts';

const skip = rosUnavailable() || (findMosquitto() ? false : 'no Mosquitto: apt-get install mosquitto');
const asRoot = process.getuid?.() === 0 ? false : 'needs root';
const DAY_MS = 86_400_000;

describe('the doctor, where one thing on the robot is broken', { skip, timeout: 300_000, concurrency: 4 }, () => {
  let ward: Ward;

  before(async () => {
    ward = await Ward.open();
  });

  after(() => ward?.close());

  const config = (text: string) => ward.admit({ config: text });

  it('the configuration is not there', async () => {
    const patient = await ward.admit();
    rmSync(patient.configFile);
    names(await patient.examine(), 'configuration', /robot\.yaml: no such file/);
  });

  it('a key of the configuration is unknown', async () => {
    names(
      await (await config('mqtt: { keepalife: 10s }\n')).examine(),
      'configuration',
      /robot\.yaml:4:9: unknown key mqtt\.keepalife, did you mean keepalive/,
    );
  });

  it('one channel of the configuration is wrong', async () => {
    names(await (await config('channels: { gas: { class: alarm } }\n')).examine(), 'configuration', /channels\.gas\.class is "alarm"/);
  });

  it('the private key can be read by others', async () => {
    const patient = await ward.admit();
    chmodSync(patient.files.key, 0o644);
    const found = await patient.examine();
    names(found, 'key', /mode 0644/);
    assert.equal(found.told[0]?.command, `chmod 600 ${patient.files.key}`);
  });

  it('the private key is another certificate’s', async () => {
    const [patient, other] = [await ward.admit(), await ward.admit()];
    names(await patient.examine({ AWS_PRIVATE_KEY: other.files.key }), 'key', /not the certificate’s/);
  });

  it('the private key has a passphrase', { skip: opensslMissing() }, async () => {
    const patient = await ward.admit();
    const key = new OpenSsl(join(patient.folder, 'openssl')).key('rsa-encrypted');
    names(await patient.examine({ AWS_PRIVATE_KEY: key }), 'key', /passphrase/);
  });

  it('the certificate is not there', async () => {
    const patient = await ward.admit();
    rmSync(patient.files.cert);
    names(await patient.examine(), 'certificate', /cert_file .*: no such file/);
  });

  it('the root CA is not there', async () => {
    const patient = await ward.admit();
    names(await patient.examine({ AWS_ROOT_CA: join(patient.folder, 'none.pem') }), 'certificate', /root_ca .*none\.pem: no such file/);
  });

  it('the certificate has expired', async () => {
    const over = { notBefore: new Date(Date.now() - 9 * DAY_MS), notAfter: new Date(Date.now() - DAY_MS) };
    names(await (await ward.admit({ certificate: over })).examine(), 'certificate', /was valid until/);
  });

  it('the certificate ends soon', async () => {
    const soon = { notAfter: new Date(Date.now() + 5.5 * DAY_MS) };
    names(await (await ward.admit({ certificate: soon })).examine(), 'certificate', /5 days from now/);
  });

  it('the certificate is a server’s', async () => {
    names(await (await ward.admit({ certificate: { server: true } })).examine(), 'certificate', /is for servers/);
  });

  for (const [year, seen] of [
    [1970, /shows 1970-01-01.* before this program was released/],
    [2028, /this robot’s certificate and the broker’s have both run out/],
  ] as const) {
    it(`the clock stands in ${year}`, { skip: fakeClockMissing() }, async () => {
      const patient = await ward.admit();
      const clock = new FakeClock(join(patient.folder, 'clock'));
      clock.set(Math.round((Date.UTC(year, 0, 1, 12) - Date.now()) / 1_000));
      const found = await patient.examine(clock.env());
      names(found, 'clock', seen);
    });
  }

  it('the outbox file is damaged', async () => {
    const patient = await ward.admit();
    leaveOutbox(patient.stateDir, 0);
    damageOutbox(patient.stateDir);
    names(await patient.examine(), 'outbox_file', /is damaged/);
  });

  it('an alert has waited for hours', async () => {
    const patient = await ward.admit();
    leaveOutbox(patient.stateDir, 3 * 3_600_000);
    names(await patient.examine(), 'outbox_backlog', /an alert waits for 180 minutes/);
  });

  it('the state directory is a file', async () => {
    const patient = await ward.admit();
    writeFileSync(patient.stateDir, '');
    names(await patient.examine(), 'state_dir', /is no folder/);
  });

  it('the disk is full', { skip: asRoot }, async () => {
    const patient = await ward.admit();
    const volume = await Volume.tmpfs(patient.stateDir, 1024 ** 2);
    try {
      chmodSync(patient.stateDir, 0o700);
      writeFileSync(join(patient.stateDir, 'film'), Buffer.alloc(1024 ** 2));
      names(await patient.examine(), 'disk_space', /^0 MiB free/);
    } finally {
      await volume.unmount();
    }
  });

  it('the state directory can only be read', { skip: asRoot }, async () => {
    const patient = await ward.admit();
    const volume = await Volume.tmpfs(patient.stateDir, 64 * 1024 ** 2);
    try {
      await volume.makeReadOnly();
      names(await patient.examine(), 'state_dir', /can only be read/);
    } finally {
      await volume.unmount();
    }
  });

  it('something holds the state directory and does not answer', async () => {
    const patient = await ward.admit();
    mkdirSync(patient.stateDir, { recursive: true });
    const program = `const { lockStateDir } = await import('./src/state/index.ts'); const lock = lockStateDir(${JSON.stringify(patient.stateDir)}); console.log('held'); setInterval(() => lock, 1e6);`;
    const holder = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', program], {
      cwd: ROOT,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await once(holder.stdout, 'data');
    const found = await patient.examine();
    holder.kill('SIGKILL');
    names(found, 'agent', new RegExp(`process ${holder.pid} holds`));
  });
});
