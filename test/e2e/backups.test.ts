// A scheduled backup of a real agent, from its disk into the bucket and back into an empty state directory. The next start continues with
// the restored rows and knows the executed commands.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import Database from 'better-sqlite3';
import { claimDomain, type RosDomain } from '../../scripts/lab/domain.ts';
import { AGENT, type Program } from '../../scripts/lab/program.ts';
import { Notes, OutboxReader, verifyOutbox } from '../../src/outbox/index.ts';
import { result } from '../../src/wire/index.ts';
import { Bench, THING } from '../support/bench.ts';
import { mosquittoUnavailable } from '../support/mosquitto.ts';
import { RosPeer, rosUnavailable } from '../support/ros.ts';
import { eventually, until } from '../support/until.ts';
import { UploadCloud } from '../support/uploadCloud.ts';

const skip = rosUnavailable() || mosquittoUnavailable();
const BOOL = 'std_msgs/msg/Bool';

describe('a scheduled backup', { skip, timeout: 120_000 }, () => {
  let domain: RosDomain;
  let bench: Bench;
  let cloud: UploadCloud;
  let peer: RosPeer;
  let agent: Program;
  let results: Program;

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
    bench.configure(`\nuploads: { api: "${cloud.origin}", retry_min: 100ms }\nbackups: { schedule: "0 0 * * *" }\n`);
    results = bench.run('results', 'mosquitto_sub', [...bench.mosquittoArguments(), '-t', 'elderly_bot/results']);
  });
  after(async () => {
    await peer?.close();
    await bench?.stop();
    await cloud?.stop();
    await domain?.release();
  });

  it('is uploaded, and restores rows and command journal on an empty robot', async () => {
    agent = bench.agent();
    await agent.event('connected');
    await send('before-the-backup');
    await until(() => answersTo('before-the-backup').length > 0, 'the command is answered', { explain });
    await peer.matched('/gas_detected');
    await peer.publish('/gas_detected', BOOL, { data: true });
    await bench.status(({ channels }) => channels.some(({ name, value }) => name === 'gas' && value === true));
    await agent.stop();
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

    const file = join(bench.folder, 'from-the-bucket.db.gz');
    writeFileSync(file, stored?.bytes ?? Buffer.alloc(0));
    rmSync(bench.stateDir, { recursive: true });
    const restore = ['restore', file, '--config', bench.configFile];
    const { status, stdout, stderr } = spawnSync(AGENT, restore, { encoding: 'utf8', env: bench.robotEnv() });
    assert.equal(status, 0, stderr);
    assert.match(stdout, /^restored .*from-the-bucket\.db\.gz, taken /);
    const reader = OutboxReader.open(bench.stateDir);
    assert.deepEqual(verifyOutbox(reader), []);
    assert.ok([...reader.rows({ class: 'alert', channel: 'gas' })].length > 0, 'the alert of before is in it');
    reader.close();

    agent = bench.agent();
    await agent.event('connected');
    await send('before-the-backup');
    await send('after-it');
    await until(() => answersTo('after-it').length > 0, 'the command is answered', { explain });
    assert.equal(answersTo('before-the-backup').length, 1, 'it knows that this ran');
    assert.ok(readdirSync(bench.stateDir).includes('restored-config.yaml'));
  });
});
