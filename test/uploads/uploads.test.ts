// Uploads against the cloud's own code and an object store, over a way that goes wrong as it is told.
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';
import { fingerprintOf } from '../../cloud/src/auth/certificates.ts';
import { type Clock, systemClock } from '../../src/clock/index.ts';
import { benchCertificates, readCredentials } from '../../src/identity/index.ts';
import { UploadRows } from '../../src/outbox/index.ts';
import { Problems } from '../../src/status/index.ts';
import { type NewUpload, Uploads } from '../../src/uploads/index.ts';
import { type OutboxBench, outboxBench } from '../support/outbox.ts';
import { DAILY_BYTES, UploadCloud } from '../support/uploadCloud.ts';

const THING = 'elderly-bot';
const HOUR_MS = 3_150_000;

interface Told {
  readonly kind: string;
  readonly object_key: string;
  readonly sha256: string;
  readonly size: number;
  readonly incident?: string;
}

describe('uploads', { timeout: 120_000 }, () => {
  let cloud: UploadCloud;
  let bench: OutboxBench;
  let credentials: { readonly cert: string; readonly key: string };
  let running: { readonly uploads: Uploads; readonly problems: string[]; stop(): Promise<void> }[] = [];

  const begin = (over: { maxBytes?: number; maxKbps?: number | null; clock?: Clock } = {}) => {
    const said: string[] = [];
    const clock = over.clock ?? systemClock(0);
    const problems = new Problems(
      () => clock.mono(),
      (state, { code, text }) => said.push(`${state} ${code}: ${text}`),
    );
    const uploads = new Uploads({
      thing: THING,
      credentials,
      api: cloud.origin,
      maxKbps: over.maxKbps ?? null,
      folder: join(bench.folder, 'uploads'),
      maxBytes: over.maxBytes ?? 10_000_000,
      maxAgeMs: HOUR_MS,
      ranMs: () => clock.mono(),
      backoff: { minMs: 10, maxMs: 40 },
      rows: new UploadRows(bench.db),
      outbox: bench.outbox,
      clock,
      problems,
    });
    uploads.start();
    const stopping = new AbortController();
    const done = () => uploads.run(stopping.signal);
    let run: Promise<void> | undefined;
    const one = {
      uploads,
      problems: said,
      go: () => {
        run ??= done();
      },
      stop: async () => {
        stopping.abort();
        await run;
      },
    };
    running.push(one);
    return one;
  };

  const picture = (over: Partial<NewUpload> = {}): NewUpload => ({
    kind: 'snapshot',
    contentType: 'image/jpeg',
    bytes: randomBytes(50_000),
    takenAtMs: Date.now(),
    incident: 'incident-0001',
    ...over,
  });

  /** The events `uploaded` that are in the outbox. */
  const told = (): Told[] =>
    (bench.db.prepare(`select body from rows where body like '"kind":"uploaded"%' order by seq`).pluck().all() as string[]).map(
      (body) => JSON.parse(`{${body}}`) as Told,
    );

  const spooled = () => readdirSync(join(bench.folder, 'uploads'));

  const until = async (what: () => boolean) => {
    const endMs = performance.now() + 20_000;
    while (!what()) {
      assert.ok(
        performance.now() < endMs,
        `it did not come to pass within 20 s: ${JSON.stringify(running.map(({ problems }) => problems))}`,
      );
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  };

  const isInBucket = async ({ bytes }: NewUpload) => {
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    const found = told().filter((one) => one.sha256 === sha256);
    assert.equal(found.length, 1, 'told once');
    assert.equal(await cloud.whyNotStored(String(found[0]?.object_key), bytes.length, sha256), null);
  };

  before(async () => {
    cloud = await UploadCloud.start();
    const folder = mkdtempSync(join(tmpdir(), 'elderly-bot-uploads-'));
    const files = await benchCertificates(folder, THING);
    const read = readCredentials({ rootCa: files.ca, certFile: files.robot.cert, privateKey: files.robot.key });
    credentials = read;
    await cloud.db.query('insert into device_certificates (fingerprint, thing, certificate) values ($1, $2, $3)', [
      fingerprintOf(read.certificate),
      THING,
      read.cert,
    ]);
    rmSync(folder, { recursive: true });
  });
  after(() => cloud.stop());
  beforeEach(() => {
    bench = outboxBench();
  });
  afterEach(async () => {
    for (const one of running) await one.stop();
    running = [];
    cloud.outage = null;
    cloud.aheadMs = 0;
    bench.remove();
  });

  it('puts a picture into the store, has the cloud look, and says so once', async () => {
    const robot = begin();
    const one = picture();
    assert.equal(await robot.uploads.add(one), true);
    robot.go();
    await until(() => robot.uploads.waiting === 0);
    await isInBucket(one);
    assert.equal(told()[0]?.incident, 'incident-0001');
    assert.deepEqual(spooled(), []);
    assert.deepEqual(robot.problems, []);
  });

  it('a picture that could not be kept is no upload, and holds up no other', async () => {
    const robot = begin();
    robot.go();
    const folder = join(bench.folder, 'uploads');
    renameSync(folder, `${folder}-away`);
    await assert.rejects(robot.uploads.add(picture()), { code: 'ENOENT' });
    renameSync(`${folder}-away`, folder);
    const one = picture();
    assert.equal(await robot.uploads.add(one), true);
    await until(() => robot.uploads.waiting === 0);
    await isInBucket(one);
    assert.equal(told().length, 1);
  });

  it('keeps to its kilobits a second', async () => {
    const robot = begin({ maxKbps: 400 });
    const one = picture({ bytes: randomBytes(100_000) });
    await robot.uploads.add(one);
    const startedMs = performance.now();
    robot.go();
    await until(() => robot.uploads.waiting === 0);
    const seconds = (performance.now() - startedMs) / 1_000;
    assert.ok(seconds >= 1.8, `100 kB at 50 kB/s took ${seconds} s`);
    await isInBucket(one);
  });

  it('gives up a file that has changed on disk, and goes on', async () => {
    const robot = begin();
    const [spoilt, one] = [picture(), picture()];
    await robot.uploads.add(spoilt);
    const [file] = spooled();
    writeFileSync(join(bench.folder, 'uploads', String(file)), randomBytes(50_000));
    await robot.uploads.add(one);
    robot.go();
    await until(() => robot.uploads.waiting === 0);
    await isInBucket(one);
    assert.match(robot.problems.join('\n'), /raised upload_refused: .*it has changed on disk/);
  });

  it('holds no other picture up for one that the store never takes', async () => {
    const robot = begin();
    const [stubborn, one] = [picture(), picture({ takenAtMs: Date.now() - 1_000 })];
    cloud.proxy.plan(createHash('sha256').update(stubborn.bytes).digest('hex'), ...Array.from({ length: 200 }, () => ({ status: 400 })));
    await robot.uploads.add(stubborn);
    await robot.uploads.add(one);
    robot.go();
    await until(() => robot.uploads.waiting === 1);
    await isInBucket(one);
  });

  it('leaves the cloud alone for as long as it asks, for an incident too', async () => {
    cloud.proxy.next({ status: 503, retryAfterS: 1 });
    const robot = begin();
    await robot.uploads.add(picture());
    robot.go();
    await until(() => cloud.proxy.answered.at(-1) === 503);
    const asked = cloud.asked;
    await robot.uploads.add(picture());
    await new Promise((resolve) => setTimeout(resolve, 500));
    assert.equal(cloud.asked, asked);
    await until(() => robot.uploads.waiting === 0);
  });

  it('sends an incident’s picture while the day’s share is used up for logs, which wait', async () => {
    const used = 'quota-used-up';
    await cloud.db.query(
      `insert into uploads (id, thing, kind, sha256, size, content_type, object_key, taken_at, announced_at, signed_at, check_at)
      values ($1, $2, 'backup', $1, $3, 'application/gzip', $1, 0, $4, $4, null)`,
      [used, THING, (DAILY_BYTES * 3) / 4, Date.now()],
    );
    try {
      const robot = begin();
      const log = picture({ kind: 'log', contentType: 'application/gzip', incident: null });
      await robot.uploads.add(log);
      robot.go();
      await until(() => robot.problems.length > 0);
      const [first, second] = [picture(), picture({ kind: 'clip', contentType: 'image/webp' })];
      for (const one of [first, second]) await robot.uploads.add(one);
      await until(() => robot.uploads.waiting === 1);
      for (const one of [first, second]) await isInBucket(one);
      assert.deepEqual([robot.uploads.waitingOf('log'), robot.problems.length], [1, 1]);
      assert.match(robot.problems[0] ?? '', /raised uploads_failing: the cloud answered 429: .*the rest is for pictures of incidents/);
    } finally {
      await cloud.db.query('delete from uploads where id = $1', [used]);
    }
  });

  for (const [name, troubles] of [
    ['a reset at half', ['reset']],
    ['an answer that is lost on the way', ['lost']],
    ['500 and 503', [{ status: 500 }, { status: 503 }]],
    ['a URL that has expired', [{ status: 403, code: 'AccessDenied' }]],
    ['a signature that is refused for long', Array.from({ length: 7 }, () => ({ status: 403, code: 'SignatureDoesNotMatch' }))],
    ['412 though nothing is there', [{ status: 412 }]],
  ] as const) {
    it(`gets through ${name}, and is there once`, async () => {
      cloud.proxy.next(...troubles);
      const robot = begin();
      const one = picture();
      await robot.uploads.add(one);
      robot.go();
      await until(() => robot.uploads.waiting === 0);
      await isInBucket(one);
      assert.equal(cloud.proxy.answered.filter((status) => status === 200).length >= 1, true);
    });
  }

  it('waits while the API is away, says so once, and says when it is over', async () => {
    cloud.outage = { status: 503, body: { detail: 'maintenance' } };
    const robot = begin();
    const [one, other] = [picture(), picture()];
    await robot.uploads.add(one);
    await robot.uploads.add(other);
    const before = cloud.asked;
    robot.go();
    await until(() => cloud.asked > before + 3);
    cloud.outage = null;
    await until(() => robot.uploads.waiting === 0);
    await isInBucket(one);
    await isInBucket(other);
    assert.match(
      robot.problems.join('\n'),
      /^raised uploads_failing: the cloud answered 503: maintenance; 2 wait\ncleared uploads_failing[^\n]*$/,
    );
  });

  it('goes on with what became due while it looked', async () => {
    let asked = 0;
    const { wall, mono, trusted } = systemClock(0);
    const robot = begin({ clock: { wall, mono: () => mono() + 3 * asked++, trusted } });
    cloud.proxy.next(...Array.from({ length: 6 }, () => ({ status: 500 })));
    const one = picture();
    await robot.uploads.add(one);
    robot.go();
    await until(() => robot.uploads.waiting === 0);
    await isInBucket(one);
  });

  it('goes by the cloud’s clock where its own is an hour off, and names it', async () => {
    cloud.aheadMs = HOUR_MS;
    const robot = begin();
    const one = picture();
    await robot.uploads.add(one);
    robot.go();
    await until(() => robot.uploads.waiting === 0);
    await isInBucket(one);
    assert.match(robot.problems.join('\n'), /raised clock_differs: this robot’s clock is \d{4} s behind the cloud’s/);
  });

  it('gives up what the cloud will never take', async () => {
    const robot = begin();
    await robot.uploads.add(picture({ kind: 'log', contentType: 'image/jpeg' }));
    robot.go();
    await until(() => robot.uploads.waiting === 0);
    assert.match(robot.problems.join('\n'), /raised upload_refused: .*the cloud answered 422/);
    assert.deepEqual(spooled(), []);
  });

  it('takes the link from a log for an incident’s picture, and sends the log afterwards', async () => {
    const robot = begin({ maxKbps: 800 });
    const log = picture({ kind: 'log', contentType: 'application/gzip', bytes: randomBytes(150_000), incident: null });
    await robot.uploads.add(log);
    const before = cloud.asked;
    robot.go();
    await until(() => cloud.asked > before);
    const one = picture({ bytes: randomBytes(2_000) });
    await robot.uploads.add(one);
    await until(() => robot.uploads.waiting === 0);
    assert.deepEqual(
      told().map(({ size }) => size),
      [2_000, 150_000],
    );
  });

  it('keeps within its size: logs go first, an incident’s snapshots last', async () => {
    const robot = begin({ maxBytes: 110_000 });
    await robot.uploads.add(picture({ kind: 'log', contentType: 'application/gzip', incident: null }));
    await robot.uploads.add(picture({ incident: null }));
    const kept = picture();
    await robot.uploads.add(kept);
    assert.deepEqual(
      spooled()
        .map((file) => file.split('.')[0])
        .sort(),
      ['snapshot', 'snapshot'],
    );
    await robot.uploads.add(picture());
    assert.ok(spooled().every((file) => file.includes('incident-0001')));
    assert.equal(await robot.uploads.add(picture({ kind: 'log', contentType: 'application/gzip', incident: null })), false);
    assert.match(robot.problems.join('\n'), /uploads_dropped/);
  });

  it('takes up at the start what a crash left: a file without a row is sent, a row without a file and an unfinished file are forgotten', async () => {
    const first = begin();
    const [one, lost] = [picture(), picture()];
    await first.uploads.add(one);
    await first.uploads.add(lost);
    const folder = join(bench.folder, 'uploads');
    const sha256 = createHash('sha256').update(lost.bytes).digest('hex');
    const lostFile = spooled().find((file) => file.includes(sha256));
    renameSync(join(folder, String(lostFile)), join(folder, '99.part'));
    const [kept] = spooled().filter((file) => !file.endsWith('.part'));
    bench.db.prepare('delete from uploads where file = ?').run(kept);
    writeFileSync(join(folder, 'not ours'), '');
    const next = begin();
    assert.equal(next.uploads.waiting, 1);
    assert.deepEqual(bench.db.prepare('select file from uploads').pluck().all(), [kept]);
    assert.equal(existsSync(join(folder, '99.part')), false);
    assert.ok(readFileSync(join(folder, String(kept))).equals(one.bytes));
    next.go();
    await until(() => next.uploads.waiting === 0);
    await isInBucket(one);
  });
});
