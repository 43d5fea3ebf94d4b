// Tests the reflex on a real SQLite file: rows, receipts, restarts, failing disks and reloads. Its messages arrive at a subscription of
// a simulated node.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { pino } from 'pino';
import { Reflex } from '../../src/agent/reflex/reflex.ts';
import { loadConfig } from '../../src/config/index.ts';
import type { NewRow } from '../../src/outbox/index.ts';
import { SimulatedRos, SimulatedWorld } from '../../src/ros/index.ts';
import { Problems } from '../../src/status/index.ts';
import { acknowledgeAlerts, type OutboxBench, outboxBench } from '../support/outbox.ts';
import { until } from '../support/until.ts';

const STRING = 'std_msgs/msg/String';
const QOS = { reliability: 'reliable', durability: 'volatile', depth: 10 } as const;
const SPEECH = `
  topic: /speak
  type: ${STRING}
  message: { data: help }
  message_confirmed: { data: known }
  message_cleared: { data: over }
`;

describe('the reflex of an agent', () => {
  let bench: OutboxBench;
  let ros: SimulatedRos;
  let home: SimulatedRos;
  let reflex: Reflex;
  let problems: Problems;
  let heard: unknown[];
  let reported: string[];
  let isConnected: boolean;

  beforeEach(() => {
    bench = outboxBench();
    const world = new SimulatedWorld();
    ros = new SimulatedRos({ world });
    home = new SimulatedRos({ world, name: 'home' });
    [heard, reported, isConnected] = [[], [], false];
    listen('/speak');
    start();
  });
  afterEach(async () => {
    reflex.stop();
    await Promise.all([ros.stop(), home.stop()]);
    bench.remove();
  });

  const listen = (topic: string) => home.subscribe({ topic, type: STRING, qos: QOS, onMessage: ({ data }) => heard.push(data) });

  const configured = (reflexYaml = SPEECH, more = '') => {
    const file = join(bench.folder, 'robot.yaml');
    writeFileSync(file, `${more}reflex: ${reflexYaml}`);
    return loadConfig(file, {}, { leaveOut: true });
  };

  const start = (loaded = configured()) => {
    problems = new Problems(
      () => bench.clock.monoMs,
      (state, { code, text }) => reported.push(`${state} ${code}: ${text}`),
    );
    const { outbox, db, clock, lifetime } = bench;
    const log = pino({ level: 'silent' });
    reflex = new Reflex({ loaded, ros, db, outbox, clock, lifetime, problems, log, isConnected: () => isConnected });
  };

  /** Ends the agent as kill -9 does, and starts it after a while. */
  const restart = (pauseMs: number, loaded = configured()) => {
    reflex.stop();
    bench.clock.wallMs += pauseMs;
    bench.reopen();
    start(loaded);
  };

  const write = (...rows: NewRow[]) => {
    for (const row of rows) bench.outbox.append(row);
    bench.outbox.flush();
  };

  const row = (alert: 'raised' | 'cleared', channel = 'fall'): NewRow => ({
    class: 'alert',
    channel,
    value: alert === 'raised',
    extra: { alert, incident: 'i1' },
  });

  const confirm = (outbox = bench.outbox.id, through = bench.outbox.accepted) => {
    acknowledgeAlerts(bench.outbox);
    bench.outbox.receive({
      ...{ thing: 'elderly-bot', outbox, at: 0, accepted: through, mark: [bench.lifetime.boot, bench.clock.monoMs] },
      ...{ through, after: 0, to: null, also: [] },
    });
  };

  const pass = (ms: number) => {
    const endMs = bench.clock.monoMs + ms;
    while (bench.clock.monoMs < endMs) {
      bench.clock.advance(Math.min(1_000, endMs - bench.clock.monoMs));
      reflex.check();
    }
  };

  const hears = (...texts: string[]) =>
    until(() => heard.length >= texts.length, `${texts} are heard`).then(() => assert.deepEqual(heard, texts));

  it('publishes if no receipt comes within 30 s, although the broker acknowledged the alert', async () => {
    isConnected = true;
    write(row('raised'));
    const claim = bench.outbox.claim('alert', { maxRows: 10, maxBytes: 10_000 });
    assert.ok(claim);
    bench.outbox.published(claim);
    pass(29_000);
    assert.deepEqual([reflex.status()?.state, reflex.status()?.waiting], ['armed', ['fall']]);
    pass(1_000);
    await hears('help');
    assert.deepEqual([reflex.status()?.state, reflex.status()?.announced], ['fired', ['fall']]);
    assert.deepEqual(reported, [
      'raised reflex_fired: the cloud did not confirm fall within 30 s (the broker is connected, but no cloud has ever sent this robot a receipt); the agent published on /speak',
    ]);
    confirm();
    pass(1_000);
    await hears('help', 'known');
    assert.equal(reflex.status()?.state, 'armed');
    assert.equal(problems.standing().length, 0);
  });

  it('publishes nothing if a receipt covers the alert in time', () => {
    write(row('raised'));
    pass(20_000);
    confirm();
    pass(60_000);
    assert.equal(reflex.status()?.announcements, 0);
    assert.deepEqual(reported, []);
  });

  it('calls for help once for an alert that flaps, and again if a summary stays unconfirmed after the cloud knew of the alert', async () => {
    const summary = (raised: number): NewRow => ({
      class: 'alert',
      channel: 'fall',
      value: true,
      extra: { alert: 'raised', incident: 'i1', flapping: { raised, cleared: raised, ms: raised } },
    });
    write(summary(0));
    pass(30_000);
    await hears('help');
    for (const minute of [1, 2, 3, 4, 5]) {
      write(summary(minute));
      pass(60_000);
    }
    assert.equal(reflex.status()?.announcements, 1);
    confirm();
    pass(1_000);
    await hears('help', 'known');
    write(summary(6));
    confirm();
    pass(60_000);
    assert.equal(reflex.status()?.announcements, 1, 'a confirmed summary is silent');
    write(summary(7));
    pass(30_000);
    await hears('help', 'known', 'help');
  });

  it('does not take a receipt for other rows as a confirmation', async () => {
    write({ class: 'telemetry', channel: 'temperature', value: 1 }, row('raised'));
    confirm(bench.outbox.id, 1);
    pass(30_000);
    await hears('help');
    assert.match(reported.join(), /the broker is not connected/);
  });

  it('does not take the eviction of an alert as a confirmation, although a receipt covers the declared row', async () => {
    write(row('raised'));
    reflex.check();
    const claim = bench.outbox.claim('alert', { maxRows: 10, maxBytes: 10_000 });
    assert.ok(claim);
    bench.outbox.refused(claim);
    confirm();
    pass(30_000);
    await hears('help');
  });

  it('says that the alarm has ended if the alert ends unconfirmed', async () => {
    write(row('raised'));
    pass(30_000);
    write(row('cleared'));
    pass(1_000);
    await hears('help', 'over');
    assert.equal(problems.standing().length, 0);
  });

  it('publishes for an alert that the failing disk does not take', async () => {
    bench.db.pragma('query_only = true');
    bench.outbox.append(row('raised'));
    await new Promise(setImmediate);
    assert.ok(bench.troubles.length > 0);
    pass(30_000);
    await hears('help');
    bench.db.pragma('query_only = false');
    bench.outbox.flush();
    pass(1_000);
    confirm();
    pass(1_000);
    await hears('help', 'known');
  });

  it('continues with the age of an alert after a restart', async () => {
    write(row('raised'));
    pass(15_000);
    restart(5_000);
    pass(9_000);
    assert.deepEqual([reflex.status()?.waiting, reflex.status()?.announcements], [['fall'], 0]);
    pass(1_000);
    await hears('help');
  });

  it('does not repeat an announcement after a restart, and ends it when the receipt comes', async () => {
    write(row('raised'));
    pass(30_000);
    await hears('help');
    const { id } = bench.outbox;
    restart(60_000);
    assert.equal(reflex.status()?.state, 'fired');
    pass(120_000);
    assert.deepEqual(heard, ['help']);
    confirm(id, 1);
    pass(1_000);
    await hears('help', 'known');
    restart(1_000);
    assert.deepEqual([reflex.status()?.state, reflex.status()?.waiting], ['armed', []]);
  });

  it('says that the family knows only when the subscriptions are discovered after a restart', async () => {
    write(row('raised'));
    pass(30_000);
    await hears('help');
    const { id } = bench.outbox;
    reflex.stop();
    const late = configured(SPEECH.replace('/speak', '/late'));
    restart(1_000, late);
    confirm(id, 1);
    pass(5_000);
    assert.deepEqual([heard, reflex.status()?.state], [['help'], 'armed']);
    listen('/late');
    pass(2_000);
    await hears('help', 'known');
  });

  it('waits for a subscription, reports that it is missing, and publishes when it appears', async () => {
    reflex.stop();
    const quiet = configured(SPEECH.replace('/speak', '/quiet'));
    start(quiet);
    write(row('raised'));
    pass(61_000);
    assert.deepEqual([reflex.status()?.unheard, reflex.status()?.announcements], [['/quiet'], 0]);
    assert.deepEqual(
      problems.standing().map(({ code, text }) => [code, text]),
      [['reflex_unheard', 'no node subscribes to /quiet']],
    );
    listen('/quiet');
    pass(2_000);
    await hears('help');
    assert.deepEqual(
      problems.standing().map(({ code }) => code),
      ['reflex_fired'],
    );
  });

  it('publishes every message of a siren and a voice', async () => {
    listen('/siren');
    const also = `  also: [{ topic: /siren, type: ${STRING}, message: { data: howl }, message_confirmed: { data: quiet } }]\n`;
    reflex.apply(configured(`${SPEECH}${also}`));
    write(row('raised'));
    pass(30_000);
    await hears('help', 'howl');
    confirm();
    pass(1_000);
    await hears('help', 'howl', 'known', 'quiet');
  });

  it('watches only the alerts that the configuration names; by default no alert about a sensor', () => {
    write(row('raised', 'fall_unusable'));
    pass(60_000);
    assert.deepEqual(reflex.status()?.waiting, []);
    reflex.apply(configured(`${SPEECH}  channels: [fall_unusable]\n`));
    pass(1_000);
    pass(1_000);
    assert.deepEqual(reflex.status()?.announced, ['fall_unusable']);
    write(row('raised', 'fall'));
    assert.deepEqual(reflex.status()?.waiting, []);
  });

  it('keeps an announcement over a reload, and ends it if the reload removes the reflex', async () => {
    write(row('raised'));
    pass(30_000);
    await hears('help');
    reflex.apply(configured(SPEECH.replace('help', 'hurry')));
    pass(120_000);
    assert.deepEqual([heard, reflex.status()?.state], [['help'], 'fired']);
    reflex.apply(configured('null'));
    await hears('help', 'over');
    assert.equal(reflex.status(), null);
    assert.equal(problems.standing().length, 0);
  });

  it('is off and says why if ROS refuses the type, and starts with the corrected configuration', () => {
    reflex.apply(configured(SPEECH.replace(STRING, 'nowhere_msgs/msg/Voice')));
    const { state, reason } = reflex.status() ?? {};
    assert.equal(state, 'off');
    assert.match(String(reason), /robot\.yaml:\d+:\d+: reflex\.type: .*nowhere_msgs/);
    assert.match(reported.join(), /raised reflex_off: .*nowhere_msgs/);
    reflex.apply(configured());
    assert.equal(reflex.status()?.state, 'armed');
    assert.equal(problems.standing().length, 0);
  });

  it('works for the other alerts if a channel that it names is left out for an error', () => {
    reflex.apply(configured(`${SPEECH}  channels: [fall, gas]\n`, 'channels: { gas: { topik: /gas } }\n'));
    write(row('raised', 'fall'));
    reflex.check();
    assert.deepEqual(reflex.status()?.waiting, ['fall']);
  });
});
