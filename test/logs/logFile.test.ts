// Tests the files of the log: their limits, their compression, and that a crash loses no line.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { appendFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { gunzipSync, gzipSync } from 'node:zlib';
import { LogFile, type LogFileOptions, type LogSlice, logFiles, logSlices, readLines } from '../../src/logs/index.ts';
import { needsRoot } from '../faults/campaign.ts';
import { Volume } from '../faults/volume.ts';

const HOUR_MS = 3_600_000;
const LIFE = fileURLToPath(new URL('logLife.ts', import.meta.url));

describe('the log file', () => {
  let folder: string;
  let file: LogFile;
  const opened = (over: Partial<LogFileOptions> = {}) => {
    file = new LogFile();
    return file.open({ folder, maxBytes: 1024 ** 2, maxAgeMs: HOUR_MS, nowMs: () => Date.now(), ...over });
  };
  const lines = async (from = { file: 0, offset: 0 }) => {
    const found: string[] = [];
    for await (const { text } of readLines(folder, from)) found.push(text);
    return found;
  };
  const line = (n: number) => `{"n":${n},"text":"${'x'.repeat(200)}"}\n`;

  beforeEach(() => {
    folder = join(mkdtempSync(join(tmpdir(), 'elderly-bot-logs-')), 'logs');
  });
  afterEach(async () => {
    await file.close();
    rmSync(join(folder, '..'), { recursive: true });
  });

  it('contains the lines from before its opening, and continues in the same file', async () => {
    file = new LogFile();
    file.write('{"early":1}\n');
    file.open({ folder, maxBytes: 1024 ** 2, maxAgeMs: HOUR_MS, nowMs: () => Date.now() });
    await file.close();
    assert.equal(opened().crashed, false);
    file.write('{"late":1}\n');
    const found = await lines();
    assert.equal(found[0], '{"early":1}');
    assert.match(String(found[1]), /log_closed/);
    assert.equal(found[2], '{"late":1}');
    assert.deepEqual(readdirSync(folder), ['agent.000001.log']);
    assert.equal(statSync(join(folder, 'agent.000001.log')).mode & 0o777, 0o600);
  });

  it('is rotated and compressed, stays within its size limit, and loses no line', async () => {
    opened();
    for (let n = 0; n < 4_000; n++) file.write(line(n));
    const { end } = file;
    await file.close();
    const files = logFiles(folder);
    assert.ok(end.file > 1 && files.slice(0, -1).every(({ isCompressed }) => isCompressed), `${files.length} files`);
    const numbers = (await lines()).flatMap((text) => [...text.matchAll(/"n":(\d+)/g)].map(([, n]) => Number(n)));
    assert.deepEqual(
      numbers,
      Array.from({ length: 4_000 }, (_, n) => n),
    );
    // Reading works from any position, even within a compressed file.
    let position = { file: 0, offset: 0 };
    let seen = 0;
    for await (const { next } of readLines(folder, position)) {
      position = next;
      if (++seen === 1_500) break;
    }
    assert.match(String((await lines(position))[0]), /"n":1500,/);
  });

  it('removes the oldest files if the total size is too large, and files that are too old', async () => {
    opened();
    // Random text cannot be compressed.
    for (let n = 0; n < 30; n++) {
      const text = Array.from({ length: 100_000 }, () => String.fromCharCode(33 + Math.floor(Math.random() * 90))).join('');
      file.write(`${text}\n`);
    }
    await file.close();
    opened();
    const bytes = () => logFiles(folder).reduce((sum, info) => sum + info.bytes, 0);
    assert.ok(bytes() <= 1024 ** 2 && bytes() > 512 * 1024, `${bytes()} bytes`);
    const [oldest] = logFiles(folder);
    const before = new Date(Date.now() - 2 * HOUR_MS);
    utimesSync(String(oldest?.path), before, before);
    file.maintain();
    assert.ok(!existsSync(String(oldest?.path)));
  });

  it('reports lines that were removed before their upload in a line of its own', async () => {
    opened();
    const ship = async (from: unknown) => {
      const slices: LogSlice[] = [];
      for await (const slice of logSlices(folder, from, file.end, 8 * 1024 ** 2)) slices.push(slice);
      const texts = slices.flatMap(({ bytes }) => gunzipSync(bytes).toString().trimEnd().split('\n'));
      return { texts, next: slices.at(-1)?.next };
    };
    file.write(line(0));
    const first = await ship(undefined);
    assert.equal(first.texts.length, 1);
    for (let n = 1; n < 3_000; n++) file.write(line(n));
    const oldest = logFiles(folder)[0];
    rmSync(String(oldest?.path));
    const { texts, next } = await ship(first.next);
    const [gap, second] = texts.map((text) => JSON.parse(text) as Record<string, unknown>);
    const to = { file: Number(oldest?.number) + 1, offset: 0 };
    assert.deepEqual([gap?.event, gap?.from, gap?.to], ['log_lines_dropped', first.next, to]);
    assert.ok(Number(second?.n) > 1 && texts.length === 3_000 - Number(second?.n) + 1, 'the remaining lines follow');
    file.write(line(3_000));
    assert.deepEqual((await ship(next)).texts, [line(3_000).trimEnd()]);
  });

  it('removes no file because of its age while the clock is not trusted', () => {
    mkdirSync(folder);
    for (const number of [1, 2]) writeFileSync(join(folder, `agent.00000${number}.log.gz`), gzipSync('{}\n'));
    utimesSync(join(folder, 'agent.000001.log.gz'), 0, 0);
    opened({ nowMs: () => undefined });
    assert.equal(logFiles(folder).length, 3);
  });

  it('starts a new file after an incomplete line, and completes an interrupted compression', async () => {
    opened();
    file.write(line(1));
    await file.close();
    appendFileSync(join(folder, 'agent.000001.log'), '{"half":');
    writeFileSync(join(folder, 'agent.000000.log'), line(0));
    writeFileSync(join(folder, 'agent.000000.log.gz.part'), 'half');
    assert.equal(opened().crashed, true);
    file.write(line(2));
    await file.close();
    assert.deepEqual(readdirSync(folder).sort(), ['agent.000000.log.gz', 'agent.000001.log.gz', 'agent.000002.log']);
    assert.deepEqual((await lines()).map((text) => /"n":(\d+)/.exec(text)?.[1]).filter(Boolean), ['0', '1', '2']);
  });

  it('contains every line before a kill -9, and the next start detects the crash', async () => {
    const { stdout, signal } = spawnSync(process.execPath, ['--import', 'tsx', LIFE, folder], { encoding: 'utf8', timeout: 30_000 });
    assert.equal(signal, 'SIGKILL');
    const logged = stdout.trim().split('\n').length;
    assert.equal((await lines()).length, logged);
    assert.match(String((await lines()).at(-1)), /"n":499,.*the last line/);
    assert.equal(opened().crashed, true);
  });

  it('reports the number of lines lost to a full disk, once there is space again', { skip: needsRoot() }, async () => {
    const volume = await Volume.tmpfs(folder, 256 * 1024);
    try {
      opened();
      const filler = join(folder, 'filler');
      writeFileSync(filler, Buffer.alloc(200 * 1024));
      for (let n = 0; n < 400; n++) file.write(line(n));
      assert.match(String(file.trouble), /ENOSPC/);
      rmSync(filler);
      file.write(line(400));
      assert.equal(file.trouble, undefined);
      const found = await lines();
      const lost = Number(/"event":"log_lines_lost","lines":(\d+)/.exec(String(found.at(-1)))?.[1]);
      const whole = found.filter((text) => text.startsWith('{"n":') && text.endsWith('"}'));
      assert.equal(whole.length + lost, 401);
      assert.match(String(whole.at(-1)), /"n":400,/);
      await file.close();
    } finally {
      await volume.unmount();
    }
  });
});
