// Kills the process at every named step of an upload. Each picture that it reported as kept must be in the store, and reported, exactly
// once.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { CRASH_AT, UPLOAD_CRASH_POINTS } from '../../src/base/index.ts';
import { type BenchFiles, benchCertificates } from '../../src/identity/index.ts';
import { OutboxReader, verifyOutbox } from '../../src/outbox/index.ts';
import { UploadCloud } from '../support/uploadCloud.ts';

const LIFE = fileURLToPath(new URL('uploadLife.ts', import.meta.url));
const THING = 'elderly-bot';
const PICTURES = 3;

describe('uploads of a killed process', { timeout: 300_000 }, () => {
  let cloud: UploadCloud;
  let certificates: string;
  let files: BenchFiles;
  let folder: string;

  before(async () => {
    cloud = await UploadCloud.start();
    certificates = mkdtempSync(join(tmpdir(), 'elderly-bot-certificates-'));
    files = await benchCertificates(certificates, THING);
    await cloud.know(THING, readFileSync(files.robot.cert, 'utf8'));
  });
  after(async () => {
    await cloud.stop();
    rmSync(certificates, { recursive: true });
  });
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'elderly-bot-crash-'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  /** @returns whether the process was killed, and the hashes of the pictures that it kept. */
  async function live(pictures: number, at = '') {
    const { cert, key } = files.robot;
    const child = spawn(process.execPath, ['--import', 'tsx', LIFE, folder, cloud.origin, cert, key, String(pictures)], {
      env: { ...process.env, [CRASH_AT]: at },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const exited = once(child, 'close') as Promise<[number | null, NodeJS.Signals | null]>;
    const [stdout, stderr, [code, signal]] = await Promise.all([text(child.stdout), text(child.stderr), exited]);
    assert.ok(signal === 'SIGKILL' || code === 0, stderr);
    return { killed: signal === 'SIGKILL', kept: [...stdout.matchAll(/^kept (\w+)$/gm)].map(([, sha256]) => String(sha256)) };
  }

  for (const point of UPLOAD_CRASH_POINTS) {
    it(`are complete after a kill at ${point}`, async () => {
      const first = await live(PICTURES, point);
      assert.ok(first.killed, 'the process reached the crash point');
      const second = await live(1);
      assert.ok(!second.killed);
      const reader = OutboxReader.open(folder);
      try {
        assert.deepEqual(verifyOutbox(reader), []);
        const bodies = reader.db.prepare(`select body from rows where body like '"kind":"uploaded"%'`).pluck().all() as string[];
        const reported = bodies.map((body) => JSON.parse(`{${body}}`) as { sha256: string; object_key: string; size: number });
        for (const sha256 of [...first.kept, ...second.kept]) {
          assert.equal(reported.filter((event) => event.sha256 === sha256).length, 1, 'reported once');
        }
        for (const { object_key, size, sha256 } of reported) assert.equal(await cloud.whyNotStored(object_key, size, sha256), null);
        assert.deepEqual(reader.db.prepare('select file from uploads').all(), []);
        assert.deepEqual(readdirSync(join(folder, 'uploads')), []);
      } finally {
        reader.close();
      }
    });
  }
});
