// Tests channels with publishers of rclpy. The agent receives them whatever their type and quality of service, or reports the reason.
import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { claimDomain, type RosDomain } from '../../scripts/lab/domain.ts';
import type { Channels } from '../../src/agent/sensing/channels.ts';
import { installCommand, type RosNode, startRosNode } from '../../src/ros/index.ts';
import { Problems } from '../../src/status/index.ts';
import { loadedChannels, startChannelsOn, statusOf } from '../support/channels.ts';
import { type OutboxBench, outboxBench } from '../support/outbox.ts';
import { RosPeer, rosUnavailable } from '../support/ros.ts';
import { until } from '../support/until.ts';

const BOOL = 'std_msgs/msg/Bool';
const NUMBER = 'std_msgs/msg/Int32';
const EMPTY = 'std_msgs/msg/Empty';

describe('channels with rclpy’s publishers', { skip: rosUnavailable(), timeout: 300_000 }, () => {
  let domain: RosDomain;
  let ros: RosNode;
  let peer: RosPeer;
  let bench: OutboxBench;
  let channels: Channels;
  let problems: Problems;
  /** Milliseconds that pass each time the clock is read. */
  let perReadMs = 0;

  before(async () => {
    domain = await claimDomain();
    ros = await startRosNode({ name: 'elderly_bot_agent', namespace: '/robot', domainId: domain.id });
    peer = await RosPeer.start();
  });
  after(async () => {
    await peer.close();
    await ros.stop();
    await domain.release();
  });
  beforeEach(() => {
    bench = outboxBench();
    let nowMs = 0;
    perReadMs = 0;
    problems = new Problems(
      () => (nowMs += perReadMs),
      () => {},
    );
  });
  afterEach(() => {
    channels.stop();
    bench.remove();
  });

  const start = (yaml: string, more = '') => {
    const loaded = loadedChannels(bench, yaml, `ros: { namespace: /robot${more} }\n`, true);
    channels = startChannelsOn(bench, { loaded, ros, problems });
  };
  const channel = (name: string) => statusOf(channels, name);
  const rows = () => {
    bench.outbox.flush();
    return bench.db.prepare('select class, channel, body from rows order by seq').all() as {
      class: number;
      channel: string;
      body: string;
    }[];
  };
  const problem = (code: string) => problems.standing().find((standing) => standing.code === code);

  it('receive messages from best-effort and latched publishers, with the type of the topic', async () => {
    await peer.advertise('/quick', NUMBER, { reliability: 'best_effort' });
    await peer.publish('/kept', BOOL, { data: true }, { durability: 'transient_local' });
    start('  quick: { topic: /quick, type: auto }\n  kept: { topic: /kept, class: alert }\n  later: { topic: later, type: auto }\n');
    await until(() => channel('kept').value === true, 'the latched message is received');
    await peer.matched('/quick');
    await peer.publish('/quick', NUMBER, { data: 7 }, { reliability: 'best_effort' });
    await until(() => channel('quick').value === 7, 'the number is received');
    assert.equal(channel('quick').type, NUMBER);
    assert.equal(channel('later').state, 'waiting');
    assert.equal(channel('later').reason, 'no node publishes on /robot/later');
    await peer.advertise('/robot/later', BOOL);
    await peer.matched('/robot/later');
    await peer.publish('/robot/later', BOOL, { data: true });
    await until(() => channel('later').value === true, 'the later publisher is received');
    const [alert] = rows();
    assert.match(String(alert?.body), /^true,{"alert":"raised","incident":"[\w-]{12}"}$/);
  });

  it('subscribe to the remapped topic and show its name', async () => {
    start('  leak: { topic: leak, type: std_msgs/Bool, max_silence: 1s }\n', ', remap: { leak: /sensors/leak }');
    await until(() => channel('leak').silent, 'the channel is silent');
    assert.match(String(problem('sensor_silent')?.text), /no node publishes on \/sensors\/leak/);
    await peer.advertise('/sensors/leak', BOOL);
    await peer.matched('/sensors/leak');
    await peer.publish('/sensors/leak', BOOL, { data: true });
    await until(() => channel('leak').value === true, 'the channel is received');
    assert.equal(channel('leak').topic, '/sensors/leak');
  });

  it('distinguish a lost publisher from a missing publisher, and receive it again when it returns with another type', async () => {
    const other = await RosPeer.start('gas_sensor');
    start('  co: { topic: /co, type: auto, max_silence: 1s }\n  leak: { topic: /leak, type: auto, max_silence: 1s }\n');
    await other.advertise('/co', BOOL);
    await other.matched('/co');
    await other.publish('/co', BOOL, { data: true });
    await until(() => channel('co').value === true, 'the channel is received');
    await other.close();
    await until(() => channel('co').silent && channel('leak').silent && channel('co').state === 'vanished', 'both are silent');
    assert.equal(channel('co').reason, '/gas_sensor published on /co and has ended');
    const silent = problems.standing().filter(({ code }) => code === 'sensor_silent');
    assert.deepEqual(silent.map(({ subject }) => subject).sort(), ['co', 'leak']);
    assert.match(String(silent.find(({ subject }) => subject === 'leak')?.text), /no node publishes on \/leak/);
    assert.ok(rows().some((row) => row.channel === 'co_silent' && /^true,{"alert":"raised"/.test(row.body)));

    const again = await RosPeer.start('gas_sensor');
    await again.advertise('/co', NUMBER);
    await again.matched('/co');
    await again.publish('/co', NUMBER, { data: 400 });
    await until(() => channel('co').value === 400, 'the channel is received again');
    assert.ok(!channel('co').silent);
    assert.ok(rows().some((row) => row.channel === 'co_silent' && /^false,{"alert":"cleared"/.test(row.body)));
    await again.close();
  });

  it('raise a problem after five minutes without a publisher on any topic, and clear it with the first publisher', async () => {
    start('  attic: { topic: /attic, type: std_msgs/Bool }\n  cellar: { topic: /cellar, type: std_msgs/Bool }\n');
    perReadMs = 100_000;
    await until(() => problem('nothing_published') !== undefined, 'the problem exists');
    const text = String(problem('nothing_published')?.text);
    assert.match(text, /^no node publishes on \/attic; no node publishes on \/cellar/);
    await peer.advertise('/cellar', BOOL);
    await until(() => problem('nothing_published') === undefined, 'a topic is published');
  });

  it('ask whether another published topic was meant, in their reason and in the problem', async () => {
    await peer.advertise('/vision/doze', BOOL);
    await peer.advertise('/vision/nap', NUMBER);
    start('  doze: { topic: /doze_detected, type: std_msgs/Bool }\n  nap: { topic: /nap_detected, type: std_msgs/Bool }\n');
    perReadMs = 100_000;
    const doze = 'no node publishes on /doze_detected; did you mean /vision/doze, which /peer publishes?';
    await until(() => channel('doze').reason === doze, 'the channel asks');
    assert.equal(channel('nap').reason, 'no node publishes on /nap_detected');
    await until(() => problem('nothing_published') !== undefined, 'the problem exists');
    assert.equal(problem('nothing_published')?.text, `${doze}; no node publishes on /nap_detected`);
  });

  it('name both types if two channels use a topic with different types', async () => {
    start('  first: { topic: /twice, type: std_msgs/Bool }\n  second: { topic: /twice, type: std_msgs/Int32 }\n');
    assert.equal(channel('first').state, 'waiting');
    assert.equal(channel('second').health, 'off');
    const reason = String(channel('second').reason);
    assert.match(reason, /robot\.yaml:\d+:\d+: channels\.second\.type: this node uses \/twice as std_msgs\/msg\/Bool already/);
    assert.match(reason, /cannot use it as std_msgs\/msg\/Int32 too.*the same type/);
    assert.doesNotMatch(reason, /rcl|rmw/);
  });

  it('stay silent after a restart until the first message', async () => {
    bench.outbox.append({ class: 'alert', channel: 'mute_silent', value: true, extra: { alert: 'raised', incident: 'i1' } });
    start('  mute: { topic: /mute, type: std_msgs/Bool, max_silence: 1h }\n');
    assert.match(String(problem('sensor_silent')?.text), /^mute: no node publishes on \/mute$/);
    await peer.advertise('/mute', BOOL);
    await peer.matched('/mute');
    await peer.publish('/mute', BOOL, { data: true });
    await until(() => problem('sensor_silent') === undefined, 'the channel is received again');
    assert.deepEqual(
      rows().flatMap(({ channel, body }) => (channel === 'mute_silent' ? [body] : [])),
      ['true,{"alert":"raised","incident":"i1"}', 'false,{"alert":"cleared","incident":"i1"}'],
    );
  });

  it('report both profiles if the quality of service of a publisher is incompatible', async () => {
    await peer.advertise('/less', BOOL, { reliability: 'best_effort' });
    start('  less: { topic: /less, type: std_msgs/Bool, qos: { reliability: reliable } }\n');
    await until(() => problem('channel_qos_incompatible') !== undefined, 'the problem exists');
    assert.match(
      String(problem('channel_qos_incompatible')?.text),
      /^less \(\/less\): \/?peer offers best_effort, volatile; this channel asks for reliable, volatile$/,
    );
  });

  it('report a published type that was not expected, and the missing package of a type that is not installed', async () => {
    await peer.advertise('/typed', NUMBER);
    start(
      '  typed: { topic: /typed, type: std_msgs/Bool }\n  smoke: { topic: /smoke, type: smoke_msgs/Smoke }\n  well: { topic: /well, type: std_msgs/Bool }\n',
    );
    await until(() => problem('channel_type_mismatch') !== undefined, 'the problem exists');
    assert.match(String(problem('channel_type_mismatch')?.text), /peer publishes std_msgs\/msg\/Int32; expected std_msgs\/msg\/Bool/);
    const off = String(problem('channel_off')?.text);
    assert.ok(/smoke_msgs is not installed/.test(off) && off.includes(installCommand(['smoke_msgs'])), off);
    assert.equal(channel('smoke').state, 'off');
    assert.equal(channel('well').state, 'waiting');
  });

  it('read nested arrays, diagnostics and a type of a less common package', async () => {
    start(
      '  hot: { topic: /diagnostics, diagnostics: { name: motors*, key: temperature }, class: alert, alert_when: "> 60" }\n' +
        '  near: { topic: /scan, type: auto, field: "ranges[*] | min" }\n' +
        '  odd: { topic: /odd, type: test_msgs/msg/BasicTypes, field: uint16_value }\n',
    );
    await peer.advertise('/diagnostics', 'diagnostic_msgs/msg/DiagnosticArray');
    await peer.advertise('/scan', 'sensor_msgs/msg/LaserScan');
    await peer.advertise('/odd', 'test_msgs/msg/BasicTypes');
    for (const topic of ['/diagnostics', '/scan', '/odd']) await peer.matched(topic);
    await peer.publish('/diagnostics', 'diagnostic_msgs/msg/DiagnosticArray', {
      status: [{ name: 'lidar' }, { name: 'motors: left', values: [{ key: 'temperature', value: '61.5' }] }],
    });
    await peer.publish('/scan', 'sensor_msgs/msg/LaserScan', { ranges: [1.5, 'Infinity', 0.25] });
    await peer.publish('/odd', 'test_msgs/msg/BasicTypes', { uint16_value: 513 });
    await until(
      () => channel('hot').value === 61.5 && channel('near').value === 0.25 && channel('odd').value === 513,
      'all values are received',
    );
    assert.ok(channel('hot').alert);
  });

  it('know that no event is happening as long as the detector is there, although it has said nothing', async () => {
    const detector = await RosPeer.start('detector');
    start('  shock: { topic: /shock, class: alert, event: true, clear_after: 1s }\n');
    assert.equal(channels.latestValue('shock'), undefined, 'nothing is known without a detector');
    await detector.advertise('/shock', EMPTY);
    await detector.matched('/shock');
    await until(() => channels.latestValue('shock') !== undefined, 'the detector is there');
    assert.deepEqual(channels.latestValue('shock'), { value: false, ageMs: 0 });
    assert.deepEqual([channel('shock').health, channel('shock').reason, channel('shock').messages], ['ok', null, 0]);
    await detector.publish('/shock', EMPTY, {});
    await until(() => channels.latestValue('shock')?.value === true, 'the event is happening');
    await until(() => channels.latestValue('shock')?.value === false, 'the event is over');
    await detector.close();
    await until(() => (channels.latestValue('shock')?.ageMs ?? 0) > 0, 'the detector has gone');
    assert.deepEqual(
      rows().map(({ body }) => body.replace(/"[\w-]{12}"/, 'ID')),
      ['true,{"alert":"raised","incident":ID}', 'false,{"alert":"cleared","incident":ID,"occurrences":1}'],
    );
  });

  it('know the age of a detector of events that also reports false', async () => {
    start('  shock: { topic: /calm, class: alert, event: true, clear_after: 1s }\n');
    await peer.publish('/calm', BOOL, { data: false }, { durability: 'transient_local' });
    await until(() => (channels.latestValue('shock')?.ageMs ?? 0) > 0, 'the age of the false is known');
    assert.equal(channels.latestValue('shock')?.value, false);
    await peer.publish('/calm', BOOL, { data: true }, { durability: 'transient_local' });
    await until(() => channels.latestValue('shock')?.value === true, 'the event is happening');
    await until(() => channels.latestValue('shock')?.value === false, 'the event is over');
    assert.ok(Number(channels.latestValue('shock')?.ageMs) >= 1_000);
  });

  it('report the kept message of a latched detector as an event, but not with qos: default', async () => {
    await peer.publish('/kept_event', EMPTY, {}, { durability: 'transient_local' });
    start(
      '  shock: { topic: /kept_event, class: alert, event: true }\n  later: { topic: /kept_event, class: alert, event: true, qos: default }\n',
    );
    await until(() => channel('shock').alert, 'the kept message is received');
    await peer.publish('/kept_event', EMPTY, {}, { durability: 'transient_local' });
    await until(() => channel('later').alert && channel('shock').occurrences === 2, 'the next message is received');
    assert.equal(channel('later').occurrences, 1);
  });

  it('process a flood at the allowed rate, always process its last message, and count the dropped messages', async () => {
    start('  flood: { topic: /flood, type: std_msgs/Int32, max_rate: 100, report: { on: message } }\n');
    await peer.advertise('/flood', NUMBER);
    await peer.matched('/flood');
    await peer.burst('/flood', NUMBER, 3_000, 3_000);
    await until(() => channel('flood').value === 2_999, 'the last message is received');
    const { messages, dropped } = channel('flood');
    assert.equal(messages + dropped, 3_000);
    assert.ok(messages < 1_000, `${messages} of 3,000 were processed`);
  });

  it('turn every message of twenty topics at 100 Hz into a reading, in order', async () => {
    const names = Array.from({ length: 20 }, (_, n) => `c${n}`);
    const count = 200;
    start(names.map((name) => `  ${name}: { topic: /many/${name}, type: std_msgs/Int32, report: { on: message } }\n`).join(''));
    const topics = names.map((name) => `/many/${name}`);
    for (const topic of topics) await peer.advertise(topic, NUMBER);
    for (const topic of topics) await peer.matched(topic);
    await peer.burst(topics, NUMBER, count, 100);
    await until(() => names.every((name) => channel(name).value === count - 1), 'the last message of each topic is received');
    const read = new Map<string, string[]>(names.map((name) => [name, []]));
    for (const { channel, body } of rows()) read.get(channel)?.push(body);
    const all = Array.from({ length: count }, (_, n) => String(n));
    for (const name of names) assert.deepEqual(read.get(name), all, name);
    assert.ok(names.every((name) => channel(name).messages === count && channel(name).dropped === 0));
  });

  it('process only the newest image once the messages are known to be large, and always the last one', async () => {
    const picture = (first: number) => ({ data: [first, ...new Array(40_000).fill(0)] });
    const type = 'std_msgs/msg/UInt8MultiArray';
    start('  picture: { topic: /picture, type: auto, field: "data[0]", report: { on: message } }\n');
    await peer.advertise('/picture', type);
    await peer.matched('/picture');
    await peer.publish('/picture', type, picture(1));
    await until(() => channel('picture').value === 1, 'the first message is received');
    const count = 60;
    for (let n = 2; n <= count; n += 1) {
      await peer.publish('/picture', type, picture(n));
      await wait(25);
    }
    await until(() => channel('picture').value === count, 'the last message is received');
    assert.ok(channel('picture').messages < 50, `${channel('picture').messages} of ${count} were processed`);
  });
});
