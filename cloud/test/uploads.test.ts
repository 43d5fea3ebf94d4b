// Uploads: their limits, their identity across instances, and their verification at the store.
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { after, before, test } from 'node:test';
import type { Database } from '../src/database/database.ts';
import { MAX_OBJECT_BYTES, objectKey, overLimit, type UploadRequest, uploadRequest } from '../src/uploads/kinds.ts';
import { ObjectStore, URL_LIFETIME_S } from '../src/uploads/store.ts';
import { type Announcement, type Refusal, Uploads } from '../src/uploads/uploads.ts';
import { onEachDatabase } from './support/databases.ts';
import { Instance } from './support/instance.ts';
import { BUCKET, REGION, startS3rver, type TestStore } from './support/objectStore.ts';
import { event, newThing } from './support/robot.ts';

const MIB = 1024 * 1024;
const NOW_MS = Date.UTC(2026, 10, 24, 23, 0);
const LATER_MS = NOW_MS + 2 * URL_LIFETIME_S * 1_000;

const made = (over: Partial<UploadRequest> = {}): { body: Buffer; request: UploadRequest } => {
  const body = randomBytes(over.size ?? 500);
  const sha256 = createHash('sha256').update(body).digest('hex');
  return { body, request: { kind: 'snapshot', content_type: 'image/jpeg', size: body.length, sha256, taken_at: NOW_MS - 5_000, ...over } };
};

test('each kind of upload has its types and its largest size, and an error names the field', () => {
  const problems = (over: Record<string, unknown>): string[] =>
    uploadRequest.safeParse({ ...made().request, ...over }).error?.issues.map(({ path }) => path.join('.')) ?? [];
  assert.deepEqual(problems({}), []);
  assert.deepEqual(problems({ incident: null }), []);
  assert.deepEqual(problems({ size: 5 * MIB }), []);
  assert.deepEqual(problems({ size: 5 * MIB + 1 }), ['size']);
  assert.deepEqual(problems({ kind: 'clip', content_type: 'image/webp', size: 20 * MIB }), []);
  assert.deepEqual(problems({ kind: 'clip', content_type: 'image/webp', size: 20 * MIB + 1 }), ['size']);
  for (const kind of ['log', 'backup']) {
    assert.deepEqual(problems({ kind, content_type: 'application/gzip', size: MAX_OBJECT_BYTES }), []);
    assert.deepEqual(problems({ kind, content_type: 'application/gzip', size: MAX_OBJECT_BYTES + 1 }), ['size']);
  }
  assert.deepEqual(problems({ content_type: 'text/html' }), ['content_type']);
  assert.deepEqual(problems({ content_type: 'constructor' }), ['content_type']);
  assert.deepEqual(problems({ kind: 'film' }), ['kind']);
  assert.deepEqual(problems({ size: 0 }), ['size']);
  assert.deepEqual(problems({ sha256: 'A'.repeat(64) }), ['sha256']);
});

test('the key contains robot, kind, day and hash', () => {
  const { request } = made({ sha256: 'ab'.repeat(32) });
  assert.equal(objectKey('elderly-bot', request, NOW_MS), `elderly-bot/snapshot/2026/11/24/${'ab'.repeat(32)}.jpg`);
});

test('the slices of one log or backup share a limit, but snapshots with the same time do not', () => {
  const log = made({ kind: 'log', content_type: 'application/gzip' }).request;
  const over = { dayBytes: 0, wholeBytes: 50 * MIB - 499 };
  assert.equal(overLimit(log, over, 1_000 * MIB)?.status, 413);
  assert.equal(overLimit(log, { ...over, wholeBytes: 50 * MIB - 500 }, 1_000 * MIB), null);
  assert.equal(overLimit({ ...log, kind: 'backup' }, over, 1_000 * MIB), null);
  assert.equal(overLimit(made().request, { dayBytes: 0, wholeBytes: 1_000 * MIB }, 1_000 * MIB), null);
});

test('a quarter of the daily bytes is reserved for pictures of incidents', () => {
  const picture = { ...made().request, incident: 'i-1' };
  const others = [
    { ...picture, incident: null },
    { ...made({ kind: 'log', content_type: 'application/gzip' }).request, incident: 'i-1' },
  ];
  const statusAt = (request: UploadRequest, dayBytes: number) => overLimit(request, { dayBytes, wholeBytes: 0 }, 10_000)?.status;
  for (const other of others)
    assert.deepEqual(
      [7_000, 7_001].map((bytes) => statusAt(other, bytes)),
      [undefined, 429],
    );
  assert.deepEqual(
    [9_500, 9_501].map((bytes) => statusAt(picture, bytes)),
    [undefined, 429],
  );
});

onEachDatabase('uploads', (db, another) => {
  let server: TestStore;
  let store: ObjectStore;
  before(async () => {
    server = await startS3rver();
    store = new ObjectStore({ bucket: BUCKET, endpoint: server.endpoint, credentials: server.credentials, region: REGION });
  });
  after(async () => {
    store.close();
    await server.stop();
  });
  const uploads = (nowMs = NOW_MS, dailyBytes = 100 * MIB, on: Database = db()): Uploads =>
    new Uploads({ db: on, store, dailyBytes, nowMs: () => nowMs });
  const put = async (answer: Announcement | Refusal, body: Buffer): Promise<number> => {
    assert.ok('url' in answer, JSON.stringify(answer));
    return (await fetch(answer.url, { method: answer.method, headers: answer.headers, body: new Uint8Array(body) })).status;
  };
  const stateOf = async (sha256: string): Promise<string | undefined> =>
    (await db().query<{ state: string }>('select state from uploads where sha256 = $1', [sha256]))[0]?.state;

  test('the same bytes are one upload, at the same time, later and through another instance; once stored, it is done', async () => {
    const thing = newThing();
    const { request, body } = made();
    const answers = await Promise.all([uploads(), uploads(NOW_MS + 1, 100 * MIB, another())].map((each) => each.announce(thing, request)));
    const [first] = answers;
    assert.equal(new Set(answers.map((answer) => 'upload_id' in answer && answer.upload_id)).size, 1);
    assert.ok(first && 'url' in first);
    assert.equal(first.expires_at - NOW_MS, URL_LIFETIME_S * 1_000);
    assert.equal(await put(first, body), 200);
    const again = await uploads(LATER_MS).announce(thing, request);
    assert.deepEqual(again, { upload_id: first.upload_id, object_key: first.object_key, done: true });
    assert.equal(await stateOf(request.sha256), 'stored');
    const other = await uploads().announce(newThing(), request);
    assert.ok('upload_id' in other && other.upload_id !== first.upload_id);
  });

  test('a known hash with another size is refused', async () => {
    const thing = newThing();
    const { request } = made();
    await uploads().announce(thing, request);
    const refused = await uploads().announce(thing, { ...request, size: request.size + 1 });
    assert.ok('status' in refused && refused.status === 409);
  });

  test('two simultaneous requests cannot exceed the daily limit together, and the refusal names the time to retry', async () => {
    const thing = newThing();
    const asked = [made(), made(), made()].map(({ request }) => request);
    const answers = await Promise.all(asked.map((request, i) => uploads(NOW_MS, 1_400, i % 2 ? another() : db()).announce(thing, request)));
    const refused = answers.filter((answer) => 'status' in answer);
    assert.deepEqual(
      refused.map((answer) => [answer.status, answer.retryAfterS]),
      [[429, 3_600]],
    );
    const known = asked.find((_, i) => 'url' in (answers[i] ?? {}));
    assert.ok(known && 'url' in (await uploads(NOW_MS, 1_400).announce(thing, known)));
    assert.ok('url' in (await uploads(NOW_MS + 3_600_000, 1_400).announce(thing, made().request)));
  });

  test('a robot has at most 100 open uploads of 400 MiB, and 2,000 uploads a day; a quarter is for pictures of incidents', async () => {
    const fill = async (count: number, size: number, state: string): Promise<string> => {
      const thing = newThing();
      await db().query(
        `insert into uploads (id, thing, kind, sha256, size, content_type, object_key, taken_at, state, announced_at, signed_at)
        select $1 || '-' || i, $1, 'clip', 'old-' || i, $3, 'video/mp4', $1 || '/' || i, $5, $4, $5, $5 from generate_series(1, $2) i`,
        [thing, count, size, state, NOW_MS],
      );
      return thing;
    };
    const ask = async (thing: string, over: Partial<UploadRequest> = {}): Promise<unknown> => {
      const answer = await uploads().announce(thing, made(over).request);
      return 'status' in answer ? [answer.status, answer.reason.replace(/\d+ bytes/, 'N bytes'), answer.retryAfterS] : 'url' in answer;
    };
    const urgent = { incident: 'i-1' };
    const open = (count: number): unknown[] => [
      429,
      `this robot has announced ${count} uploads or N bytes that are not stored yet; send them first, or wait until they fail`,
      60,
    ];
    const many = await fill(74, 1, 'announced');
    assert.deepEqual([await ask(many), await ask(many), await ask(many, urgent)], [true, open(75), true]);
    assert.deepEqual(await ask(await fill(100, 1, 'announced'), urgent), open(100));
    assert.deepEqual(await ask(await fill(20, 20 * MIB, 'announced'), urgent), open(100));
    const failed = await fill(100, 1, 'announced');
    const { request } = made(urgent);
    await db().query("update uploads set state = 'failed' where id = $1 || '-1'", [failed]);
    assert.ok('url' in (await uploads().announce(failed, request)));
    const again = { ...request, kind: 'clip', content_type: 'video/mp4', sha256: 'old-1', size: 1 } as const;
    assert.ok('status' in (await uploads().announce(failed, again)), 'a failed upload is opened again only within the bound');
    const full = [429, 'this robot has announced its 1500 uploads for today', 3_600];
    const stored = await fill(1_500, 1, 'stored');
    assert.deepEqual([await ask(stored), await ask(stored, urgent)], [full, true]);
    assert.ok('url' in (await uploads(NOW_MS + 3_600_000).announce(stored, made().request)));
  });

  test('an uploaded event counts only after verification, and only for the robot’s own uploads', async () => {
    const [thing, other] = [newThing(), newThing()];
    const { request, body } = made({ incident: 'i-1' });
    const answer = await uploads().announce(thing, request);
    assert.ok('upload_id' in answer);
    const uploaded = (seq: number, sender: string): Record<string, unknown> =>
      event({ thing: sender }, seq, {
        kind: 'uploaded',
        upload_id: answer.upload_id,
        object_key: answer.object_key,
        sha256: request.sha256,
        size: 500,
      });
    const cloud = new Instance(db(), { nowMs: () => NOW_MS });
    await cloud.send('elderly_bot/events', uploaded(1, other));
    assert.equal(await uploads().check(), 0);
    await cloud.send('elderly_bot/events', uploaded(1, thing));
    assert.equal(await uploads().check(), 0);
    assert.equal(await stateOf(request.sha256), 'announced');
    assert.equal(await put(answer, body), 200);
    await cloud.send('elderly_bot/events', uploaded(2, thing));
    await cloud.stop();
    assert.equal(await uploads().check(), 1);
    assert.equal(await stateOf(request.sha256), 'stored');
    const [picture, ...more] = await uploads().pictures(thing, { limit: 10, incident: 'i-1' });
    assert.equal(more.length, 0);
    const got = await fetch(picture?.url ?? '');
    assert.ok(body.equals(Buffer.from(await got.arrayBuffer())));
    assert.deepEqual(await uploads().pictures(other, { limit: 10 }), []);
  });

  test('an upload without an event is verified after its URL expires; a missing object fails, but may be uploaded later', async () => {
    const thing = newThing();
    const [sent, unsent] = [made(), made({ taken_at: NOW_MS - 60_000 })];
    assert.equal(await put(await uploads().announce(thing, sent.request), sent.body), 200);
    await uploads().announce(thing, unsent.request);
    assert.equal(await uploads(NOW_MS + 1_000).check(), 0);
    assert.ok((await uploads(LATER_MS).check()) >= 2);
    assert.deepEqual([await stateOf(sent.request.sha256), await stateOf(unsent.request.sha256)], ['stored', 'failed']);
    assert.equal(await put(await uploads(LATER_MS).announce(thing, unsent.request), unsent.body), 200);
    await uploads(LATER_MS * 2).check();
    assert.equal(await stateOf(unsent.request.sha256), 'stored');
    const listed = await uploads().pictures(thing, { limit: 10 });
    assert.deepEqual(
      listed.map(({ taken_at }) => taken_at),
      [NOW_MS - 5_000, NOW_MS - 60_000],
    );
    assert.equal((await uploads().pictures(thing, { limit: 10, before: NOW_MS - 5_000 })).length, 1);
  });

  test('no upload fails while the store is unreachable', async () => {
    const thing = newThing();
    const { request } = made();
    await uploads().announce(thing, request);
    const away = new ObjectStore({ bucket: BUCKET, endpoint: 'http://127.0.0.1:1', credentials: server.credentials, region: REGION });
    await new Uploads({ db: db(), store: away, dailyBytes: 1, nowMs: () => LATER_MS }).check();
    away.close();
    assert.equal(await stateOf(request.sha256), 'announced');
  });
});
