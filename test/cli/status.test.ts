// Tests `elderly-bot status` as text, as JSON, and with --watch on a terminal.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, describe, it } from 'node:test';
import { claimDomain, type RosDomain } from '../../scripts/lab/domain.ts';
import { AGENT, Program, ROOT } from '../../scripts/lab/program.ts';
import { painter } from '../../src/base/index.ts';
import { describeStatus } from '../../src/cli/status.ts';
import { Rate } from '../../src/sensing/index.ts';
import type { Status } from '../../src/status/index.ts';
import { Bench } from '../support/bench.ts';
import { mosquittoUnavailable } from '../support/mosquitto.ts';
import { RosPeer, rosUnavailable } from '../support/ros.ts';

const skip = rosUnavailable() || mosquittoUnavailable();
const noTerminal = existsSync('/usr/bin/script') ? false : 'no script: apt-get install bsdutils';

const textOf = (status: Status): string => describeStatus(status, painter({ isTTY: false }, {})).join('\n');

describe('elderly-bot status', { skip, timeout: 300_000 }, () => {
  let domain: RosDomain;
  let bench: Bench;
  let peer: RosPeer;
  let status: Status;

  before(async () => {
    domain = await claimDomain();
    bench = await Bench.start();
    const agent = bench.agent();
    await agent.event('connected');
    peer = await RosPeer.start('house');
    await peer.advertise('/fire_detected', 'std_msgs/msg/Bool');
    await peer.matched('/fire_detected');
    await peer.publish('/fire_detected', 'std_msgs/msg/Bool', { data: true });
    status = await bench.status(
      ({ channels, outbox }) =>
        channels.some(({ alert, state }) => alert && state === 'published') && outbox.oldest_unconfirmed_ms !== null,
    );
  });
  after(async () => {
    await peer?.close();
    await bench?.stop();
    await domain?.release();
  });

  it('prints alerts, the oldest unconfirmed row, rates and uploads', async () => {
    const program = new Program('status', AGENT, ['status', '--config', bench.configFile]);
    assert.equal(await program.exited, 0);
    const text = program.lines.map((line) => String(line.text)).join('\n');
    assert.match(
      text,
      /^elderly-bot {2}version \S+, start 1, running \d+ s\nalerts {3}fire\nproblems none\nwarning {2}5 of 6 channels have had no message since startup: gas, fall, .* \(for details: elderly-bot doctor\)\nlink {5}connected for \d+ s, localhost:\d+, MQTT 5\n/,
    );
    assert.match(text, /\noutbox {3}\d+ rows accepted, \d+ unconfirmed, the oldest for \d+ s \(held: /);
    assert.match(text, /\nchannel {2}fire {9,}true {7}\d+ s ago, [0-9.]+ Hz, 1 messages {2}ALERT\n/);
    assert.match(text, /\nuploads {2}off/);
    assert.ok(!text.includes('\x1b'));
  });

  it('works with a warning if the configuration file became invalid while the agent runs, like stop, logs and outbox', async () => {
    const broken = `${bench.configFile}.broken.yaml`;
    writeFileSync(broken, `${readFileSync(bench.configFile, 'utf8')}\nfoo: [\n`);
    for (const words of [['status'], ['logs'], ['outbox', 'stats'], ['send', 'stop']]) {
      const program = new Program(words.join(' '), AGENT, [...words, '--config', broken], bench.robotEnv());
      const code = await program.exited;
      assert.equal(code, 0, `${words.join(' ')}: ${program.stderr}`);
      assert.match(program.stderr, /warning: .*broken\.yaml:\d+:\d+: .* \[CONFIG_SYNTAX\]\n.*continuing with its valid parts/);
    }
  });

  it('is recommended by a command without an answer, which reports that no agent runs and how to start it', async () => {
    const other = `${bench.configFile}.other.yaml`;
    writeFileSync(other, `${readFileSync(bench.configFile, 'utf8')}\nstate_dir: ${bench.folder}/nobody\ntopic_prefix: nobody\n`);
    const program = new Program('send', AGENT, ['send', 'ping', '--timeout', '1', '--config', other], bench.robotEnv());
    assert.equal(await program.exited, 1);
    assert.match(program.stderr, /no agent on this machine uses .*nobody; start it: elderly-bot run --config /);
  });

  it('has every field of --json in docs/reference/status.md', () => {
    const page = readFileSync(join(ROOT, 'docs/reference/status.md'), 'utf8');
    const missing = keysOf(status).filter((key) => !page.includes(`\`${key}\``) && !page.includes(`\`${key.split(/\.|\[\]\./).at(-1)}\``));
    assert.deepEqual(missing, []);
  });

  it('uses the alternate screen with --watch, and restores the terminal at Ctrl-C', { skip: noTerminal }, async () => {
    const command = `${AGENT} status --watch --config ${bench.configFile}`;
    const child = spawn('script', ['-qefc', command, '/dev/null'], { env: { ...process.env, TERM: 'xterm' } });
    let seen = '';
    let isAsked = false;
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      seen += text;
      // Three frames show that the screen refreshes itself.
      if (!isAsked && seen.split('\x1b[H').length > 3) child.stdin.write('\x03');
      isAsked ||= seen.split('\x1b[H').length > 3;
    });
    await once(child, 'close');
    assert.ok(seen.startsWith('\x1b[?1049h\x1b[?25l\x1b[?7l'), JSON.stringify(seen.slice(0, 40)));
    assert.ok(seen.trimEnd().endsWith('\x1b[?7h\x1b[?25h\x1b[?1049l'), JSON.stringify(seen.slice(-40)));
    assert.ok(seen.includes('alerts   \x1b[31mfire'), 'the alert is red');
  });

  it('prints one line of JSON per second with --watch --json', async () => {
    const child = spawn(AGENT, ['status', '--watch', '--json', '--config', bench.configFile]);
    const lines: Status[] = [];
    for await (const line of createInterface(child.stdout)) {
      lines.push(JSON.parse(line) as Status);
      if (lines.length === 2) child.kill('SIGTERM');
    }
    const [first, second] = lines;
    assert.ok(first && second && second.uptime_ms >= first.uptime_ms + 900, `${first?.uptime_ms} and ${second?.uptime_ms}`);
  });

  it('warns about a quiet channel that had regular messages, but not about one with rare messages', () => {
    const [channel] = status.channels;
    assert.ok(channel);
    const quietFor = (age: number, gap: number) => ({ ...channel, messages: 100, age_ms: age, longest_gap_ms: gap });
    const text = (age: number, gap: number) => textOf({ ...status, channels: [quietFor(age, gap)] });
    assert.match(text(102_000, 600), /\nwarning {2}gas has been quiet for 102 s; its longest gap before was 1 s \(/);
    for (const [age, gap] of [
      [29_000, 600],
      [102_000, 60_000],
    ] as const)
      assert.ok(!text(age, gap).includes('warning'));
  });

  it('prints how often the event of an alert has happened, and expects no regular messages of an event channel', () => {
    const [channel] = status.channels;
    assert.ok(channel);
    const text = (over: object) => textOf({ ...status, channels: [{ ...channel, ...over }] });
    assert.match(text({ alert: true, occurrences: 3 }), / {2}ALERT \(3 occurrences\) /);
    assert.match(text({ alert: true, occurrences: 1 }), / {2}ALERT {2}\(no node/);
    assert.ok(!text({ age_ms: null, occurrences: 0 }).includes('warning'));
    assert.ok(!text({ messages: 100, age_ms: 102_000, longest_gap_ms: 600, occurrences: 0 }).includes('warning'));
  });

  it('prints the age of the oldest row by wall time, including hours without power, only if a row waits', () => {
    const text = (unconfirmed: number) => {
      const outbox = {
        ...status.outbox,
        unconfirmed,
        oldest_unconfirmed_ms: 20_000,
        oldest_ms: { ...status.outbox.oldest_ms, event: 172_800_000 },
      };
      return textOf({ ...status, outbox });
    };
    assert.match(text(258), / 258 unconfirmed, the oldest for 2 days \(held/);
    assert.match(text(0), / 0 unconfirmed \(held/);
  });

  it('prints problems after the alerts, and uses colour only on a terminal that supports and allows it', () => {
    const broken: Status = {
      ...status,
      problems: [{ code: 'mqtt_ended', severity: 'warning', subject: '', text: 'it ended', remedy: 'nothing', since_ms: 5_000 }],
    };
    const plain = [painter({ isTTY: false }, {}), painter({ isTTY: true }, { NO_COLOR: '1' }), painter({ isTTY: true }, { TERM: 'dumb' })];
    for (const paint of plain) assert.match(describeStatus(broken, paint)[2] ?? '', /^problem {2}warning mqtt_ended for 5 s: it ended$/);
    assert.ok(
      describeStatus(broken, painter({ isTTY: true }, {}))
        .join('\n')
        .includes('\x1b[33mproblem  warning mqtt_ended\x1b[0m for 5 s'),
    );
  });
});

describe('a rate', () => {
  it('covers the last ten seconds, and is null before the second observation', () => {
    const rate = new Rate();
    assert.equal(rate.hz, null);
    for (let s = 0; s <= 20; s++) rate.observe(s * 1_000, s <= 10 ? s * 100 : 1_000);
    assert.equal(rate.hz, 0);
    rate.observe(21_000, 1_050);
    assert.equal(rate.hz, 5);
  });
});

function keysOf(value: unknown, path = ''): string[] {
  if (Array.isArray(value)) return path === 'channels' || path === 'problems' ? keysOf(value[0], `${path}[]`) : [];
  if (value === null || typeof value !== 'object') return path === '' ? [] : [path];
  // Names of classes, statuses and limits are not fields.
  if (
    [
      'outbox.held',
      'outbox.oldest_ms',
      'outbox.evicted_by',
      'commands',
      'command_latency',
      'alert_latency',
      'delivered.ack_latency',
      'wear.commits',
    ].includes(path)
  )
    return [path];
  return Object.entries(value).flatMap(([key, inner]) => keysOf(inner, path === '' ? key : `${path}.${key}`));
}
