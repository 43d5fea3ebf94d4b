// kill -9 at every named step of an upload's life: what was said to be kept is in the store once and told, and nothing is left behind.
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

describe('uploads of a process that is killed', { timeout: 120_000 }, () => {
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

  /** @returns what it said, and whether it was killed. */
  async function live(pictures: number, at = '') {
    const { cert, key } = files.robot;
    const child = spawn(process.execPath, ['--import', 'tsx', LIFE, folder, cloud.origin, cert, key, String(pictures)], {
      env: { ...process.env, [CRASH_AT]: at },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const exited = once(child, 'close') as Promise<[number | null, NodeJS.Signals | null]>;
    const [said, stderr, [code, signal]] = await Promise.all([text(child.stdout), text(child.stderr), exited]);
    assert.ok(signal === 'SIGKILL' || code === 0, stderr);
    return { killed: signal === 'SIGKILL', kept: [...said.matchAll(/^kept (\w+)$/gm)].map(([, sha256]) => String(sha256)) };
  }

  for (const point of UPLOAD_CRASH_POINTS) {
    it(`at ${point}`, async () => {
      const first = await live(PICTURES, point);
      assert.ok(first.killed, 'the point is passed');
      const second = await live(1);
      assert.ok(!second.killed);
      const reader = OutboxReader.open(folder);
      try {
        assert.deepEqual(verifyOutbox(reader), []);
        const bodies = reader.db.prepare(`select body from rows where body like '"kind":"uploaded"%'`).pluck().all() as string[];
        const told = bodies.map((body) => JSON.parse(`{${body}}`) as { sha256: string; object_key: string; size: number });
        for (const sha256 of [...first.kept, ...second.kept]) {
          assert.equal(told.filter((one) => one.sha256 === sha256).length, 1, 'told once');
        }
        for (const { object_key, size, sha256 } of told) assert.equal(await cloud.whyNotStored(object_key, size, sha256), null);
        assert.deepEqual(reader.db.prepare('select file from uploads').all(), []);
        assert.deepEqual(readdirSync(join(folder, 'uploads')), []);
      } finally {
        reader.close();
      }
    });
  }
});
