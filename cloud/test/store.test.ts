// A presigned URL on real stores allows exactly the one object that it was signed for. s3rver checks less than versitygw and AWS, so some
// tests do not run on it.
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { request } from 'node:http';
import { after, before, describe, test } from 'node:test';
import { ObjectStore, type SignedPut, type StoredObject } from '../src/uploads/store.ts';
import { BUCKET, findVersitygw, REGION, startS3rver, startVersitygw, type TestStore } from './support/objectStore.ts';

const NO_VERSITYGW = findVersitygw() === null && 'skipped: versitygw is not built (install Go, run bin/setup)';

interface Change {
  readonly method?: string;
  readonly path?: string;
  readonly query?: readonly [string, string];
  readonly headers?: Readonly<Record<string, string | null>>;
  readonly body?: Buffer;
}

const REFUSED: Readonly<Record<string, (object: StoredObject) => Change>> = {
  'another method': () => ({ method: 'POST' }),
  'another key': ({ key }) => ({ path: `/${BUCKET}/${key}.other` }),
  'another bucket': ({ key }) => ({ path: `/other-bucket/${key}` }),
  'another signature': () => ({ query: ['X-Amz-Signature', '0'.repeat(64)] }),
  'a longer lifetime': () => ({ query: ['X-Amz-Expires', '9999'] }),
  'another type': () => ({ headers: { 'content-type': 'text/html' } }),
  'no type': () => ({ headers: { 'content-type': null } }),
  'more bytes': ({ size }) => ({ body: randomBytes(size + 1), headers: { 'content-length': String(size + 1) } }),
  'fewer bytes': ({ size }) => ({ body: randomBytes(size - 1), headers: { 'content-length': String(size - 1) } }),
  'another checksum': ({ size }) => ({
    headers: { 'x-amz-checksum-sha256': createHash('sha256').update(randomBytes(size)).digest('base64') },
  }),
  'no checksum': () => ({ headers: { 'x-amz-checksum-sha256': null } }),
  'other bytes of the same length': ({ size }) => ({ body: randomBytes(size) }),
  'no protection against overwriting': () => ({ headers: { 'if-none-match': null } }),
};

const REPEATED = 'a second PUT';

/** s3rver stores any bytes, whatever hash was announced, and ignores if-none-match. */
const UNCHECKED_BY_S3RVER = new Set(['other bytes of the same length', REPEATED]);

suite('versitygw', NO_VERSITYGW, startVersitygw, new Set());
suite('s3rver', false, startS3rver, UNCHECKED_BY_S3RVER);

/** @param unchecked names of tests that this store would not pass. */
function suite(name: string, skip: string | false, start: () => Promise<TestStore>, unchecked: ReadonlySet<string>): void {
  describe(`a presigned URL, on ${name}`, { skip }, () => {
    let server: TestStore;
    let store: ObjectStore;
    before(async () => {
      server = await start();
      store = new ObjectStore({ bucket: BUCKET, endpoint: server.endpoint, credentials: server.credentials, region: REGION });
    });
    after(async () => {
      store.close();
      await server.stop();
    });

    test('stores its object, which then can be verified and fetched', async () => {
      const { object, body } = made();
      assert.equal(await store.verify(object), 'the store does not have this object');
      assert.equal(await put(await store.signPut(object), body), 200);
      assert.equal(await store.verify(object), null);
      const got = await fetch(await store.signGet(object.key));
      assert.deepEqual([got.status, got.headers.get('content-type')], [200, object.contentType]);
      assert.ok(body.equals(Buffer.from(await got.arrayBuffer())));
    });

    for (const [name, change] of Object.entries(REFUSED)) {
      if (unchecked.has(name)) continue;
      test(`with ${name} is refused, and nothing is stored`, async () => {
        const { object, body } = made();
        const status = await put(await store.signPut(object), body, change(object));
        assert.ok(status >= 400 && status < 500, `answered ${status}`);
        assert.equal(await store.verify(object), 'the store does not have this object');
      });
    }

    if (!unchecked.has(REPEATED)) {
      test(`${REPEATED} does not replace the object`, async () => {
        const { object, body } = made();
        const signed = await store.signPut(object);
        assert.deepEqual([await put(signed, body), await put(signed, body)], [200, 412]);
      });
    }

    test('is refused after it expires', async () => {
      const { object, body } = made();
      const signed = await store.signPut(object, 1);
      await new Promise((resolve) => setTimeout(resolve, 2_100));
      assert.equal(await put(signed, body), 403);
    });

    test('verification reports a stored object that differs from the announced object', async () => {
      const { object, body } = made();
      assert.equal(await put(await store.signPut(object), body), 200);
      assert.match(String(await store.verify({ ...object, size: object.size + 1 })), /bytes instead of the announced/);
      assert.equal(await store.verify({ ...object, sha256: '0'.repeat(64) }), 'the stored object has another hash');
    });

    test('verification throws if the store does not answer', async () => {
      const away = new ObjectStore({
        bucket: BUCKET,
        endpoint: 'http://127.0.0.1:1',
        credentials: server.credentials,
        region: REGION,
      });
      await assert.rejects(away.verify(made().object));
      away.close();
    });
  });
}

let objects = 0;

function made(): { object: StoredObject; body: Buffer } {
  const body = randomBytes(1_000);
  const sha256 = createHash('sha256').update(body).digest('hex');
  const object = {
    key: `elderly-bot/snapshot/2026/11/24/${++objects}-${sha256}.jpg`,
    contentType: 'image/jpeg',
    size: body.length,
    sha256,
  };
  return { object, body };
}

/** Sends the request with node:http, because `fetch` would change the headers. @returns the status. */
function put({ url, headers }: SignedPut, body: Buffer, change: Change = {}): Promise<number> {
  const target = new URL(url);
  if (change.path) target.pathname = change.path;
  if (change.query) target.searchParams.set(...change.query);
  const sent = Object.entries({ ...headers, ...change.headers }).filter((entry): entry is [string, string] => entry[1] !== null);
  return new Promise((resolve, reject) => {
    const outgoing = request(target, { method: change.method ?? 'PUT', headers: Object.fromEntries(sent) }, (response) => {
      response.resume();
      response.on('end', () => resolve(response.statusCode ?? 0));
    });
    outgoing.on('error', reject);
    outgoing.end(change.body ?? body);
  });
}
