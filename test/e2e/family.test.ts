// The family's view, end to end on real parts: the agent, Mosquitto, the cloud on PostgreSQL and versitygw. A picture from the robot's disk
// appears beside its alert, and a member's command reaches a ROS topic.

import assert from 'node:assert/strict';
import { createHash, randomBytes, X509Certificate } from 'node:crypto';
import { appendFileSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import pg from 'pg';
import { fingerprintOf } from '../../cloud/src/auth/certificates.ts';
import { EventStream } from '../../cloud/test/support/eventStream.ts';
import { BUCKET, findVersitygw, REGION, startVersitygw, type TestStore } from '../../cloud/test/support/objectStore.ts';
import { claimDomain, type RosDomain } from '../../scripts/lab/domain.ts';
import type { Program } from '../../scripts/lab/program.ts';
import { Bench, THING } from '../support/bench.ts';
import { mosquittoUnavailable } from '../support/mosquitto.ts';
import { Postgres, postgresUnavailable } from '../support/postgres.ts';
import { RosPeer, rosUnavailable } from '../support/ros.ts';
import { eventually } from '../support/until.ts';

const BOOL = 'std_msgs/msg/Bool';
const PHONE = '+390612345678';
const PASSWORD = 'correct horse';
const INCIDENT = 'incident-of-a-test';

const skip =
  rosUnavailable() ||
  mosquittoUnavailable() ||
  postgresUnavailable() ||
  (findVersitygw() ? false : 'no versitygw: install Go and run bin/setup');

interface Snapshot {
  readonly incident: string;
  readonly url: string;
  readonly size: number;
}

describe('the family’s API on real parts', { skip, timeout: 300_000 }, () => {
  let domain: RosDomain;
  let postgres: Postgres;
  let store: TestStore;
  let bench: Bench;
  let peer: RosPeer;
  let cloud: Program;
  let agent: Program;
  let database: pg.Client;
  let origin = '';
  let token = '';
  const picture = randomBytes(200_000);

  const ask = async <T>(path: string, body?: unknown): Promise<{ status: number; body: T }> => {
    const answer = await fetch(`${origin}${path}`, {
      method: body === undefined ? 'GET' : 'POST',
      headers: { authorization: `Bearer ${token}`, ...(body !== undefined && { 'content-type': 'application/json' }) },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    return { status: answer.status, body: (await answer.json()) as T };
  };

  before(async () => {
    domain = await claimDomain();
    postgres = await Postgres.start();
    store = await startVersitygw();
    bench = await Bench.start();
    peer = await RosPeer.start('house');
    cloud = await bench.cloud(
      { url: postgres.url },
      {
        S3_BUCKET: BUCKET,
        AWS_ENDPOINT_URL_S3: store.endpoint,
        AWS_REGION: REGION,
        AWS_ACCESS_KEY_ID: store.credentials.accessKeyId,
        AWS_SECRET_ACCESS_KEY: store.credentials.secretAccessKey,
      },
    );
    origin = String((await cloud.event('cloud_ready')).url);
    database = new pg.Client({ connectionString: postgres.url });
    await database.connect();
    const registered = await ask<{ access_token: string }>('/auth/register', { phone: PHONE, password: PASSWORD });
    token = registered.body.access_token;
    await database.query('insert into members (thing, user_id) select $1, id from users where phone = $2', [THING, PHONE]);
    const certificate = new X509Certificate(readFileSync(bench.files.robot.cert));
    await database.query('insert into device_certificates (fingerprint, thing, certificate) values ($1, $2, $3)', [
      fingerprintOf(certificate),
      THING,
      certificate.toString(),
    ]);
    appendFileSync(bench.configFile, `uploads: { api: "${origin}", retry_max: 1s }\n`);
    const spool = join(bench.stateDir, 'uploads');
    mkdirSync(spool, { recursive: true, mode: 0o700 });
    const sha256 = createHash('sha256').update(picture).digest('hex');
    writeFileSync(join(spool, `snapshot.${Date.now()}.${INCIDENT}.${sha256}.jpg`), picture, { mode: 0o600 });
    await peer.subscribe('/buzzer_command', BOOL);
    agent = bench.agent();
    await agent.event('connected');
  });

  after(async () => {
    await database?.end();
    await peer?.close();
    await bench?.stop();
    await store?.stop();
    await postgres?.stop();
    await domain?.release();
  });

  it('shows a picture from the robot’s disk after its upload, and the robot deletes its copy', async () => {
    const listed = await eventually(
      () => ask<{ snapshots: Snapshot[] }>('/snapshots'),
      ({ body }) => body.snapshots.length > 0,
    );
    const [shown] = listed.body.snapshots;
    assert.deepEqual([shown?.incident, shown?.size], [INCIDENT, picture.length]);
    assert.ok(picture.equals(Buffer.from(await (await fetch(String(shown?.url))).arrayBuffer())));
    const { rows } = await eventually(
      () => database.query(`select body->>'size' as size from events where kind = 'uploaded'`),
      ({ rows }) => rows.length > 0,
    );
    assert.deepEqual(rows, [{ size: String(picture.length) }]);
    assert.deepEqual(readdirSync(join(bench.stateDir, 'uploads')), []);
  });

  it('streams the start and the end of an alert to a member', async () => {
    const stream = await EventStream.open(`${origin}/telemetry/stream`, token);
    await peer.advertise('/fall_detected', BOOL);
    await peer.matched('/fall_detected');
    await peer.publish('/fall_detected', BOOL, { data: true });
    const { data } = await stream.event('alert', ({ channel }) => channel === 'fall');
    await peer.publish('/fall_detected', BOOL, { data: false });
    await stream.event('alert', ({ id, state }) => id === data.id && state === 'resolved');
    await stream.event('state', ({ state }) => (state as { fall: boolean }).fall === false);
    await stream.leave();
  });

  it('turns a member’s command into a ROS message and returns its result', async () => {
    await peer.matched('/buzzer_command');
    const given = await ask<{ id: string }>('/commands', { command: 'buzzer', value: true });
    assert.equal(given.status, 202, JSON.stringify(given.body));
    assert.deepEqual(await peer.next('/buzzer_command'), { data: true });
    const followed = await eventually(
      () => ask<{ status: string; result: { applied: unknown } | null }>(`/commands/${given.body.id}`),
      ({ body }) => body.status !== 'pending',
    );
    assert.deepEqual([followed.body.status, followed.body.result?.applied], ['done', { data: true }]);
    const wrong = await ask<{ detail: string }>('/commands', { command: 'buzzer', value: 'loud' });
    assert.deepEqual([wrong.status, wrong.body.detail], [422, 'value: expected boolean']);
  });
});
