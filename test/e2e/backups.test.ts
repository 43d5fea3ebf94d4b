// A scheduled backup of a real agent, sealed for the family, from its disk into the bucket and back into an empty state directory. The next
// start continues with the restored rows, delivers none twice, and knows the executed commands.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import * as age from 'age-encryption';
import Database from 'better-sqlite3';
import pg from 'pg';
import { claimDomain, type RosDomain } from '../../scripts/lab/domain.ts';
import { committedReadings, evictedRows } from '../../scripts/lab/kept.ts';
import { judge, type Published } from '../../scripts/lab/ledgers.ts';
import { AGENT, type Program } from '../../scripts/lab/program.ts';
import { Notes, OutboxReader, verifyOutbox } from '../../src/outbox/index.ts';
import { result } from '../../src/wire/index.ts';
import { Bench, THING } from '../support/bench.ts';
import { mosquittoUnavailable } from '../support/mosquitto.ts';
import { Postgres, postgresUnavailable } from '../support/postgres.ts';
import { RosPeer, rosUnavailable } from '../support/ros.ts';
import { eventually, until } from '../support/until.ts';
import { UploadCloud } from '../support/uploadCloud.ts';

const skip = rosUnavailable() || mosquittoUnavailable() || postgresUnavailable();
const BOOL = 'std_msgs/msg/Bool';
const TEMPERATURE = 'sensor_msgs/msg/Temperature';
const TEMPERATURES = 20;
/** The cloud's first receipt comes after the interval of receipts, and an agent that has just started asks for one earlier. */
const CONFIRMED_WITHIN_MS = 400_000;
const SEALED = /^age-encryption\.org\/v1\n/;

describe('a scheduled backup', { skip, timeout: 600_000 }, () => {
  let domain: RosDomain;
  let bench: Bench;
  let cloud: UploadCloud;
  let peer: RosPeer;
  let agent: Program;
  let results: Program;
  let postgres: Postgres;
  let database: pg.Client;
  let ingest: Program;
  let identity: string;
  const published: Published[] = [];

  const explain = () => JSON.stringify(agent.lines.slice(-5));
  const answersTo = (id: string) => results.lines.map((line) => result.parse(line)).filter((answer) => answer.id === id);
  const send = async (id: string) => {
    const now = Date.now();
    const command = { id, thing: THING, command: 'ping', issued_at: now, expires_at: now + 60_000 };
    const publish = [...bench.mosquittoArguments(), '-t', 'elderly_bot/commands', '-m', JSON.stringify(command)];
    await bench.run('sender', 'mosquitto_pub', publish).exited;
  };

  before(async () => {
    domain = await claimDomain();
    bench = await Bench.start();
    cloud = await UploadCloud.start();
    await cloud.know(THING, readFileSync(bench.files.robot.cert, 'utf8'));
    peer = await RosPeer.start('house');
    await peer.advertise('/gas_detected', BOOL);
    await peer.advertise('/jetson_temperature', TEMPERATURE);
    identity = await age.generateX25519Identity();
    const recipient = await age.identityToRecipient(identity);
    const uploads = `{ api: "${cloud.origin}", retry_min: 100ms, recipients: [${recipient}] }`;
    bench.configure(`\nuploads: ${uploads}\nbackups: { schedule: "0 0 * * *" }\n`);
    postgres = await Postgres.start();
    ingest = await startIngest();
    database = new pg.Client({ connectionString: postgres.url });
    await database.connect();
    results = bench.run('results', 'mosquitto_sub', [...bench.mosquittoArguments(), '-t', 'elderly_bot/results']);
  });
  after(async () => {
    await database?.end();
    await peer?.close();
    await bench?.stop();
    await postgres?.stop();
    await cloud?.stop();
    await domain?.release();
  });

  /** The cloud has the readings long before its receipt tells the robot so. Until then they are in the backup, too. */
  const startIngest = (receipts = '5m') => bench.cloud({ url: postgres.url }, { RECEIPT_INTERVAL: receipts });

  const opened = async (bytes: Buffer) => {
    const decrypter = new age.Decrypter();
    decrypter.addIdentity(identity);
    return Buffer.from(await decrypter.decrypt(bytes));
  };

  it('is uploaded sealed, and restores rows and command journal on an empty robot with the key', async () => {
    agent = bench.agent();
    await agent.event('connected');
    await send('before-the-backup');
    await until(() => answersTo('before-the-backup').length > 0, 'the command is answered', { explain });
    await peer.matched('/gas_detected');
    await peer.publish('/gas_detected', BOOL, { data: true });
    published.push({ channel: 'gas', value: true });
    await peer.matched('/jetson_temperature', 1);
    for (let n = 0; n < TEMPERATURES; n++) {
      await peer.publish('/jetson_temperature', TEMPERATURE, { temperature: 20 + n });
      published.push({ channel: 'temperature', value: 20 + n });
    }
    const all = (rows: readonly unknown[]) => rows.length >= published.length;
    await eventually(() => committedReadings(database), all, 'the cloud has the readings', { explain });
    await bench.status(({ channels }) => channels.some(({ name, value }) => name === 'gas' && value === true));
    await agent.stop();
    // Its receipt for the next start would come before the backup.
    await ingest.stop();
    // Plays a robot that was off at midnight.
    const db = new Database(join(bench.stateDir, 'outbox.db'));
    new Notes(db).write('job backup', '{"from":0,"ran":[]}');
    db.close();
    agent = bench.agent();
    await agent.event('backup_made');
    const [stored] = await eventually(
      () => cloud.stored('backup'),
      (all) => all.length > 0,
      'the backup is stored',
      { explain },
    );
    await agent.stop();

    const file = join(bench.folder, 'from-the-bucket.bak');
    writeFileSync(file, stored?.bytes ?? Buffer.alloc(0));
    rmSync(bench.stateDir, { recursive: true });
    const bytes = readFileSync(file);
    assert.match(bytes.subarray(bytes.indexOf('\n') + 1).toString('latin1'), SEALED);
    const restore = (...more: string[]) => {
      const args = ['restore', file, ...more, '--config', bench.configFile];
      return spawnSync(AGENT, args, { encoding: 'utf8', env: bench.robotEnv(), input: identity });
    };
    assert.match(restore().stderr, /is sealed with age; give the file with the private key of a recipient/);
    const { status, stdout, stderr } = restore('--identity', '-');
    assert.equal(status, 0, stderr);
    assert.match(stdout, /^restored .*from-the-bucket\.bak, taken /);
    const reader = OutboxReader.open(bench.stateDir);
    assert.deepEqual(verifyOutbox(reader), []);
    assert.ok([...reader.rows({ class: 'alert', channel: 'gas' })].length > 0, 'the alert of before is in it');
    assert.ok([...reader.rows({ channel: 'temperature' })].length > 0, 'so are readings without a receipt');
    reader.close();

    ingest = await startIngest('1s');
    agent = bench.agent();
    await agent.event('connected');
    await send('before-the-backup');
    await send('after-it');
    await until(() => answersTo('after-it').length > 0, 'the command is answered', { explain });
    assert.equal(answersTo('before-the-backup').length, 1, 'it knows that this ran');
    assert.ok(readdirSync(bench.stateDir).includes('restored-config.yaml'));
    await bench.status(({ outbox }) => outbox.unconfirmed === 0, CONFIRMED_WITHIN_MS);
    const { lost, doubled, examples } = judge(published, [], await committedReadings(database), await evictedRows(database));
    assert.deepEqual({ lost, doubled }, { lost: 0, doubled: 0 }, examples.join('; '));
  });

  it('comes with the sealed record of the incident', async () => {
    const isSealed = ({ content_type: type }: { readonly content_type: string }) => type === 'application/age';
    const [record] = (await cloud.stored('log')).filter(({ incident }) => incident !== null);
    assert.ok(record && isSealed(record) && SEALED.test(record.bytes.toString('latin1')));
    const { channel, readings } = JSON.parse((await opened(record.bytes)).toString()) as { channel: string; readings: unknown[] };
    assert.equal(channel, 'gas');
    assert.ok(readings.length > 0);
  });

  it('leaves nothing in the state directory after certs wipe --data', async () => {
    await agent.stop();
    const wipe = ['certs', 'wipe', '--data', '--undelivered', '--confirm', THING, '--config', bench.configFile];
    const { status, stdout, stderr } = spawnSync(AGENT, wipe, { encoding: 'utf8', env: bench.robotEnv() });
    assert.equal(status, 0, stdout + stderr);
    assert.deepEqual(readdirSync(bench.stateDir), []);
  });
});
