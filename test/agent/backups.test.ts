// Uploads a backup in slices with an interruption, joins the slices, and restores the result on the command line.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { AGENT } from '../../scripts/lab/program.ts';
import { ShutdownStack } from '../../src/agent/lifecycle/shutdown.ts';
import { Backups } from '../../src/agent/uploads/backups.ts';
import { startUploads } from '../../src/agent/uploads/uploads.ts';
import { systemClock } from '../../src/clock/index.ts';
import { loadConfig } from '../../src/config/index.ts';
import { type BenchFiles, benchCertificates, readCredentials } from '../../src/identity/index.ts';
import { createLog } from '../../src/logs/index.ts';
import { backupsFolder, backupsIn, Notes, OutboxReader, verifyOutbox } from '../../src/outbox/index.ts';
import { lockStateDir } from '../../src/state/index.ts';
import { Problems } from '../../src/status/index.ts';
import { type OutboxBench, outboxBench, storageAt } from '../support/outbox.ts';
import { eventually } from '../support/until.ts';
import { UploadCloud } from '../support/uploadCloud.ts';

const THING = 'elderly-bot';
const MIB = 1024 ** 2;

describe('backups', { timeout: 300_000 }, () => {
  let bench: OutboxBench;
  let cloud: UploadCloud;
  let folder: string;
  let files: BenchFiles;
  let configFile: string;

  const running = () => {
    const loaded = loadConfig(configFile, process.env);
    const clock = systemClock(0);
    const problems = new Problems(
      () => clock.mono(),
      () => {},
    );
    const { db, outbox, lifetime } = bench;
    const storage = storageAt(bench.folder);
    const log = createLog('silent');
    const shutdown = new ShutdownStack(log);
    const credentials = readCredentials({ rootCa: files.ca, certFile: files.robot.cert, privateKey: files.robot.key });
    const uploads = startUploads({
      loaded,
      config: loaded.config,
      storage,
      credentials,
      db,
      outbox,
      clock,
      lifetime,
      problems,
      shutdown,
      isPaused: () => false,
    });
    const backups = new Backups({ current: () => loaded, storage, db, credentials, notes: new Notes(db), uploads, clock, log });
    const stop = async () => {
      await backups.stop();
      await shutdown.undo(10_000);
    };
    return { backups, stop };
  };

  const restore = (file: string, ...more: string[]) =>
    spawnSync(AGENT, ['restore', file, ...more, '--config', configFile], { encoding: 'utf8' });

  interface Manifest {
    readonly why: string;
    readonly slices: readonly { readonly sha256: string; readonly size: number; readonly offset: number }[];
  }
  const patience = { patienceMs: 60_000, everyMs: 100 };
  const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');

  before(async () => {
    bench = outboxBench(256 * MIB);
    cloud = await UploadCloud.start();
    folder = mkdtempSync(join(tmpdir(), 'elderly-bot-backups-'));
    files = await benchCertificates(join(folder, 'certs'), THING);
    await cloud.know(THING, readFileSync(files.robot.cert, 'utf8'));
    configFile = join(folder, 'robot.yaml');
    const mqtt = `mqtt: { cert_file: ${files.robot.cert}, private_key: ${files.robot.key} }`;
    writeFileSync(
      configFile,
      `state_dir: ${bench.folder}\n${mqtt}\nuploads: { api: "${cloud.origin}", max_kbps: null, retry_min: 100ms }\n`,
    );
    for (let n = 0; n < 250; n++) {
      bench.outbox.append({ class: 'telemetry', channel: 'noise', value: randomBytes(60_000).toString('base64') });
      if (n % 50 === 0) bench.outbox.flush();
    }
    bench.outbox.flush();
  });
  after(async () => {
    await cloud?.stop();
    bench?.remove();
    rmSync(folder, { recursive: true });
  });

  it('reach the cloud in slices that join to the same file, even if the robot stops during the upload', async () => {
    const first = running();
    await first.backups.make();
    const stored = () => cloud.stored('backup');
    await eventually(stored, (all) => all.length > 0, 'a slice is stored', patience);
    await first.stop();
    const second = running();
    second.backups.start();
    const hasManifest = (all: readonly { content_type: string }[]) => all.some(({ content_type }) => content_type === 'application/json');
    const objects = await eventually(stored, hasManifest, 'the manifest is stored', patience);
    await second.stop();
    const [manifest] = objects
      .filter(({ content_type }) => content_type === 'application/json')
      .map(({ bytes }) => JSON.parse(bytes.toString()) as Manifest);
    const slices = manifest?.slices ?? [];
    assert.ok(slices.length >= 2, `${slices.length} slices`);
    assert.equal(objects.length, slices.length + 1, 'no object is stored twice');
    const parts = slices.map(
      (slice) => objects.find(({ bytes }) => sha256(bytes) === slice.sha256)?.bytes ?? assert.fail('a slice is missing'),
    );
    const [name] = backupsIn(backupsFolder(bench.folder));
    assert.equal(manifest?.why, name);
    const whole = Buffer.concat(parts);
    assert.ok(whole.equals(readFileSync(join(backupsFolder(bench.folder), String(name)))));
    writeFileSync(join(folder, 'joined.bak'), whole);
  });

  it('cannot be restored while the agent runs', () => {
    const lock = lockStateDir(bench.folder);
    const { stderr, status } = restore('latest');
    lock.release();
    assert.equal(status, 2);
    assert.match(stderr, /is in use by another agent; stop the other agent first/);
  });

  it('restore a file or the latest backup of the robot, save the configuration beside it, and delete nothing', () => {
    bench.outbox.close();
    bench.db.close();
    const before = readdirSync(bench.folder);
    const joined = restore(join(folder, 'joined.bak'));
    assert.equal(joined.status, 0, joined.stderr);
    assert.match(joined.stdout, /: 250 rows that the cloud may not have\nthe previous file is now .*outbox\.db\.before-restore-1\n/);
    const reader = OutboxReader.open(bench.folder);
    assert.deepEqual(verifyOutbox(reader), []);
    reader.close();
    const configuration = readFileSync(join(bench.folder, 'restored-config.yaml'), 'utf8');
    assert.ok(!configuration.includes('PRIVATE KEY'));
    copyFileSync(join(bench.folder, 'restored-config.yaml'), join(folder, 'again.yaml'));
    assert.equal(loadConfig(join(folder, 'again.yaml'), process.env).config.uploads.api, cloud.origin);
    assert.match(restore('latest').stdout, /outbox\.db\.before-restore-2\n/);
    const after = readdirSync(bench.folder);
    for (const name of before) assert.ok(after.includes(name) || /-(wal|shm)$/.test(name), `${name} is still there`);
  });

  it('have to be fetched from the bucket if the robot has no backup', () => {
    rmSync(backupsFolder(bench.folder), { recursive: true });
    mkdirSync(backupsFolder(bench.folder));
    const { stderr, status } = restore('latest');
    assert.equal(status, 2);
    assert.match(stderr, /there is no backup in .*; download one from the bucket/);
    assert.match(restore(configFile).stderr, /robot\.yaml has no signature.*\[BACKUP_UNVERIFIED\]/);
    assert.match(restore(configFile, '--unverified').stderr, /robot\.yaml is not a backup that can be restored/);
  });
});
