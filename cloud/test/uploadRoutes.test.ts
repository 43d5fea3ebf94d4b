// Uploads over the API: from the robot's token to the picture that the family sees.
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { after, before, test } from 'node:test';
import { DevCa } from '../../src/identity/index.ts';
import { ObjectStore } from '../src/uploads/store.ts';
import { Uploads } from '../src/uploads/uploads.ts';
import { type Answer, Api } from './support/api.ts';
import { onEachDatabase } from './support/databases.ts';
import { addDevice, type Device, deviceToken, makeDevice } from './support/device.ts';
import { Instance } from './support/instance.ts';
import { BUCKET, REGION, startS3rver, type TestStore } from './support/objectStore.ts';
import { event, telemetry } from './support/robot.ts';

const DAILY_BYTES = 10_000;

interface Put {
  readonly upload_id: string;
  readonly object_key: string;
  readonly url: string;
  readonly headers: Record<string, string>;
}

onEachDatabase('uploads over the API', (db, another) => {
  let server: TestStore;
  let store: ObjectStore;
  let uploads: Uploads;
  let apis: Api[];
  let ca: DevCa;

  before(async () => {
    ca = await DevCa.create();
    server = await startS3rver();
    store = new ObjectStore({ bucket: BUCKET, endpoint: server.endpoint, credentials: server.credentials, region: REGION });
    uploads = new Uploads({ db: db(), store, dailyBytes: DAILY_BYTES });
    apis = await Promise.all(
      [db(), another()].map((each) => Api.open(each, { uploads: new Uploads({ db: each, store, dailyBytes: DAILY_BYTES }) })),
    );
  });
  after(async () => {
    for (const api of apis) await api.close();
    store.close();
    await server.stop();
  });

  const api = (i = 0): Api => apis[i] as Api;
  const robot = async (): Promise<Device> => {
    const device = await makeDevice(ca);
    await addDevice(db(), device);
    return device;
  };
  const bodyOf = (bytes: Buffer, over: Record<string, unknown> = {}): Record<string, unknown> => ({
    kind: 'snapshot',
    content_type: 'image/jpeg',
    size: bytes.length,
    sha256: createHash('sha256').update(bytes).digest('hex'),
    taken_at: Date.now(),
    ...over,
  });
  const announce = async (device: Device, body: unknown, i = 0): Promise<Answer> =>
    api(i).ask('POST', '/uploads', { body, token: await deviceToken(device) });
  const put = ({ url, headers }: Put, bytes: Buffer): Promise<Response> =>
    fetch(url, { method: 'PUT', headers, body: new Uint8Array(bytes) });

  test('a picture is announced, stored and verified, and then shown with its alert, through any instance', async () => {
    const device = await robot();
    const { thing } = device;
    const [bytes, sealed] = [randomBytes(700), randomBytes(800)];
    const answer = await announce(device, bodyOf(bytes, { incident: 'i-1' }));
    assert.equal(answer.status, 200);
    assert.equal((await put(answer.body as Put, bytes)).status, 200);
    const { upload_id, object_key } = answer.body as Put;
    assert.deepEqual((await announce(device, bodyOf(bytes, { incident: 'i-1' }), 1)).body, { upload_id, object_key, done: true });
    const other = bodyOf(sealed, { content_type: 'application/age', kind: 'clip', incident: 'i-1', taken_at: Date.now() + 1_000 });
    const clip = await announce(device, other);
    assert.match((clip.body as Put).object_key, /\.age$/);
    await put(clip.body as Put, sealed);
    const cloud = new Instance(another());
    await cloud.send('elderly_bot/telemetry', telemetry({ thing }, [[1, Date.now(), 'fall', true, { alert: 'raised', incident: 'i-1' }]]));
    const body = { kind: 'uploaded', upload_id: (clip.body as Put).upload_id, object_key: (clip.body as Put).object_key };
    await cloud.send('elderly_bot/events', event({ thing }, 2, { ...body, sha256: other.sha256, size: 800 }));
    await cloud.stop();
    await uploads.check();

    const [member, stranger] = [await api().register(thing), await api().register()];
    const listed = await api(1).ask('GET', '/snapshots?incident=i-1', { token: member.token });
    const { snapshots } = listed.body as { snapshots: Record<string, unknown>[] };
    assert.deepEqual(
      snapshots.map(({ kind, incident, encrypted, size }) => [kind, incident, encrypted, size]),
      [
        ['clip', 'i-1', true, 800],
        ['snapshot', 'i-1', false, 700],
      ],
    );
    assert.ok(bytes.equals(Buffer.from(await (await fetch(String(snapshots[1]?.url))).arrayBuffer())));
    const { alerts } = (await api().ask('GET', '/alerts', { token: member.token })).body as { alerts: { snapshots: { kind: string }[] }[] };
    assert.deepEqual(
      alerts[0]?.snapshots.map(({ kind }) => kind),
      ['snapshot', 'clip'],
    );
    assert.equal((await api().ask('GET', `/snapshots?thing=${thing}`, { token: stranger.token })).status, 403);
    assert.equal((await api().ask('GET', '/snapshots')).status, 401);
  });

  test('pages of pictures leave none out, even if all were taken at the same time', async () => {
    const { thing } = await robot();
    const { token } = await api().register(thing);
    await db().query(
      `insert into uploads (id, thing, kind, sha256, size, content_type, object_key, taken_at, state, announced_at, signed_at)
      select gen_random_uuid(), $1, 'snapshot', n, 1, 'image/png', $1 || n, 7, 'stored', 7, 7 from generate_series(1, 5) as n`,
      [thing],
    );
    const ids: string[] = [];
    for (let page = '', size = 2; size === 2; page = `&before=7&before_id=${ids.at(-1)}`) {
      const { body } = await api().ask('GET', `/snapshots?limit=2${page}`, { token });
      const { snapshots } = body as { snapshots: { upload_id: string }[] };
      ids.push(...snapshots.map(({ upload_id }) => upload_id));
      size = snapshots.length;
    }
    assert.deepEqual([ids.length, new Set(ids).size], [5, 5]);
    const { body } = await api().ask('GET', '/snapshots?before=7', { token });
    assert.deepEqual(body, { snapshots: [] });
    assert.equal((await api().ask('GET', `/snapshots?before_id=${ids[0]}`, { token })).status, 422);
  });

  test('a token is accepted for one request by all instances together; a user’s token is refused', async () => {
    const device = await robot();
    const [bytes, token] = [randomBytes(10), await deviceToken(device)];
    const body = bodyOf(bytes);
    const answers = await Promise.all([0, 1].map((i) => api(i).ask('POST', '/uploads', { body, token })));
    assert.deepEqual(answers.map(({ status }) => status).sort(), [200, 401]);
    const { token: person } = await api().register(device.thing);
    for (const wrong of [person, null]) {
      const { status, headers } = await api().ask('POST', '/uploads', { body, token: wrong });
      assert.deepEqual([status, headers['www-authenticate']], [401, 'Bearer']);
    }
  });

  test('an invalid or too large upload is refused with its field, and one above the daily limit with a time to retry', async () => {
    const device = await robot();
    const bytes = randomBytes(6_000);
    assert.equal((await announce(device, bodyOf(bytes))).status, 200);
    const over = await announce(device, bodyOf(randomBytes(6_000)));
    assert.equal(over.status, 429);
    assert.ok(Number(over.headers['retry-after']) > 0);
    assert.equal((await announce(device, bodyOf(bytes))).status, 200, 'a repeated announcement does not count again');
    for (const [wrong, field] of [
      [{ size: 5 * 1024 * 1024 + 1 }, /^size/],
      [{ sha256: 'x' }, /^sha256/],
      [{ content_type: 'text/html' }, /^content_type/],
      [{ kind: 'film' }, /^kind/],
    ] as const) {
      const answer = await announce(device, bodyOf(bytes, wrong));
      assert.equal(answer.status, 422);
      assert.match((answer.body as { detail: string }).detail, field);
    }
    assert.equal((await announce(device, { ...bodyOf(bytes), size: 5_999 })).status, 409);
  });

  test('a cloud without a store refuses uploads and lists no pictures', async () => {
    const bare = await Api.open(db());
    const device = await robot();
    const answer = await bare.ask('POST', '/uploads', { body: bodyOf(randomBytes(10)), token: await deviceToken(device) });
    assert.equal(answer.status, 503);
    assert.match((answer.body as { detail: string }).detail, /S3_BUCKET/);
    const { token } = await bare.register(device.thing);
    assert.deepEqual((await bare.ask('GET', '/snapshots', { token })).body, { snapshots: [] });
    await bare.close();
  });

  test('the answer to a refused token has the cloud’s time, which the robot uses to correct its clock', async () => {
    const url = await api().app.listen({ host: '127.0.0.1', port: 0 });
    const answer = await fetch(`${url}/uploads`, { method: 'POST', headers: { authorization: 'Bearer a.b.c' } });
    assert.equal(answer.status, 401);
    assert.ok(Math.abs(Date.parse(String(answer.headers.get('date'))) - Date.now()) < 5_000);
  });
});
