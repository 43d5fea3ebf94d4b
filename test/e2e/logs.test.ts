// A real agent's log in the bucket: on command, and with its last lines after a kill.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { gunzipSync } from 'node:zlib';
import Database from 'better-sqlite3';
import { claimDomain, type RosDomain } from '../../scripts/lab/domain.ts';
import type { Program } from '../../scripts/lab/program.ts';
import { Notes } from '../../src/outbox/index.ts';
import { result } from '../../src/wire/index.ts';
import { Bench, THING } from '../support/bench.ts';
import { mosquittoUnavailable } from '../support/mosquitto.ts';
import { rosUnavailable } from '../support/ros.ts';
import { UploadCloud } from '../support/uploadCloud.ts';

const skip = rosUnavailable() || mosquittoUnavailable();

describe('the agent’s log', { skip, timeout: 300_000 }, () => {
  let domain: RosDomain;
  let bench: Bench;
  let cloud: UploadCloud;
  let agent: Program;
  let results: Program;

  const shipped = async (wanted: (lines: readonly string[]) => boolean) => {
    for (const untilMs = performance.now() + 20_000; ; ) {
      const objects = await cloud.stored('log');
      const lines = objects.reverse().flatMap(({ bytes }) => gunzipSync(bytes).toString().trimEnd().split('\n'));
      if (wanted(lines)) return lines;
      assert.ok(performance.now() < untilMs, `${lines.length} lines are there, the last ${lines.at(-1)}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  };

  before(async () => {
    domain = await claimDomain();
    bench = await Bench.start();
    cloud = await UploadCloud.start();
    await cloud.know(THING, readFileSync(bench.files.robot.cert, 'utf8'));
    bench.configure(`\nuploads: { api: "${cloud.origin}", retry_min: 100ms }\n`);
    results = bench.run('results', 'mosquitto_sub', [...bench.mosquittoArguments(), '-t', 'elderly_bot/results']);
    agent = bench.agent();
    await agent.event('connected');
  });
  after(async () => {
    await bench?.stop();
    await cloud?.stop();
    await domain?.release();
  });

  it('is shipped on command', async () => {
    const now = Date.now();
    const command = { id: 'ship-1', thing: THING, command: 'ship_logs', issued_at: now, expires_at: now + 20_000 };
    const publish = [...bench.mosquittoArguments(), '-t', 'elderly_bot/commands', '-m', JSON.stringify(command)];
    await bench.run('sender', 'mosquitto_pub', publish).exited;
    const lines = await shipped((all) => all.length > 0 && results.lines.length > 0);
    assert.ok(lines.some((line) => line.includes('"event":"started"')));
    const answer = result.parse(results.lines[0]);
    assert.deepEqual([answer.status, (answer.applied as { slices: number }).slices], ['done', 1]);
  });

  it('is uploaded after the next start up to the last line before a kill, with no line twice', async () => {
    await agent.kill();
    const last = JSON.stringify(agent.lines.at(-1));
    agent = bench.agent();
    await agent.event('crashed_before');
    const lines = await shipped((all) => all.includes(last));
    const twice = lines.filter((line, i) => lines.indexOf(line) !== i);
    assert.deepEqual(twice, []);
    assert.equal(await agent.stop(), 0);
    agent = bench.agent();
    await agent.event('connected');
    assert.ok(!agent.lines.some(({ event }) => event === 'crashed_before'), 'it was stopped in order');
  });

  it('is shipped by schedule, with one shipment for all schedules that passed while the robot was off', async () => {
    assert.equal(await agent.stop(), 0);
    const db = new Database(join(bench.stateDir, 'outbox.db'));
    new Notes(db).write('job ship_logs', '{"from":0,"ran":[]}');
    db.close();
    agent = bench.agent();
    await agent.event('logs_shipped', ({ reason }) => reason === 'schedule');
    await shipped((all) => all.some((line) => line.includes('"log_closed"')));
    assert.equal(agent.lines.filter(({ event }) => event === 'logs_shipped').length, 1);
  });
});
