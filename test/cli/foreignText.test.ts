// Tests that text from others stays on the lines of the commands that show it: no line is forged or lost, and the terminal obeys none of it.
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import fc from 'fast-check';
import { claimDomain, type RosDomain } from '../../scripts/lab/domain.ts';
import { AGENT } from '../../scripts/lab/program.ts';
import { described } from '../../src/base/index.ts';
import { describeStatus } from '../../src/cli/status.ts';
import { type Check, examine } from '../../src/doctor/index.ts';
import { AgentError } from '../../src/errors.ts';
import { createLog, LogFile } from '../../src/logs/index.ts';
import { type Status, StatusSocket } from '../../src/status/index.ts';
import { Bench } from '../support/bench.ts';
import { ATTACKS, foreignText } from '../support/foreignText.ts';
import { mosquittoUnavailable } from '../support/mosquitto.ts';
import { RosPeer, rosUnavailable } from '../support/ros.ts';
import { assertOnlyShown, screenOf } from '../support/screen.ts';

const STRING = 'std_msgs/msg/String';
/** DDS carries neither a zero character nor half a surrogate pair. */
const PUBLISHED = ATTACKS.filter((text) => !/\0|\p{Cs}/u.test(text)).join(' ');
const ALL = ATTACKS.join(' ');
const noTerminal = existsSync('/usr/bin/script') ? false : 'no script: apt-get install bsdutils';

interface Said {
  readonly out: string[];
  readonly err: string[];
}

/** Runs a command until it ends. @returns its lines, which a terminal only shows. */
async function run(args: readonly string[], env: NodeJS.ProcessEnv = process.env): Promise<Said> {
  const found = await new Promise<{ out: string; err: string }>((resolve) => {
    execFile(AGENT, args, { env, maxBuffer: 64e6 }, (_, out, err) => resolve({ out, err }));
  });
  const linesOf = (text: string) => {
    assertOnlyShown(text);
    return text.split('\n').slice(0, -1);
  };
  return { out: linesOf(found.out), err: linesOf(found.err) };
}

/** Replaces texts in a status, but not the words that select what is described. */
function withTexts(status: Status, next: () => string): Status {
  const { link, channels, problems, clock } = status;
  return {
    ...status,
    version: next(),
    last_run: { cause: 'crash', text: next() },
    clock: { ...clock, trusted: false, distrust: next() },
    link: { ...link, endpoint: next(), path: { interface: next(), metered: false } as Status['link']['path'] },
    channels: channels.map((channel) => ({ ...channel, value: next(), reason: next(), reads: `reads ${next()}`, age_ms: 5 })),
    problems: [...problems, ...Array.from({ length: 40 }, () => problemOf(next))],
    cameras: [],
    moving: next(),
  };
}

function problemOf(next: () => string): Status['problems'][number] {
  return { code: 'mqtt_ended', severity: 'warning', subject: next(), text: next(), remedy: next(), since_ms: 5_000 };
}

describe('text from others', { skip: rosUnavailable() || mosquittoUnavailable(), timeout: 600_000 }, () => {
  let domain: RosDomain;
  let bench: Bench;
  let peer: RosPeer;
  let status: Status;
  let folder: string;
  let config: string;

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'elderly-bot-foreign-'));
    config = join(folder, 'robot.yaml');
    writeFileSync(config, 'state_dir: state\n');
    mkdirSync(join(folder, 'state'));
    domain = await claimDomain();
    bench = await Bench.start();
    bench.configure('  note: { topic: /note, type: std_msgs/msg/String, field: data, report: { on: message } }\n');
    const agent = bench.agent();
    await agent.event('connected');
    peer = await RosPeer.start('house');
    for (const [topic, type] of [
      ['/fire_detected', 'std_msgs/msg/Bool'],
      ['/note', STRING],
    ] as const) {
      await peer.advertise(topic, type);
      await peer.matched(topic);
    }
    await peer.publish('/fire_detected', 'std_msgs/msg/Bool', { data: true });
    await peer.publish('/note', STRING, { data: PUBLISHED });
    const isShown = ({ name, alert, messages }: Status['channels'][number]) => (name === 'fire' ? alert : name !== 'note' || messages > 0);
    status = await bench.status(({ channels }) => channels.every(isShown));
  });
  after(async () => {
    await peer?.close();
    await bench?.stop();
    await domain?.release();
    rmSync(folder, { recursive: true, force: true });
  });

  it('stays in one line of the status of a real agent', async () => {
    const { out } = await run(['status', '--config', bench.configFile]);
    assert.equal(out[1], 'alerts   fire');
    assert.equal(out.filter((line) => line.startsWith('problems none')).length, 1);
    assert.equal(out.filter((line) => line.startsWith('channel  note')).length, 1);
    for (const line of out)
      assert.match(
        line,
        /^(elderly-bot {2}version|alerts|problem|warning|unwatched|link|outbox|acks|budget|disk|channel|reflex|camera|uploads|commands| {9})/,
      );
  });

  it('stays in one line of the outbox and of a topic', async () => {
    const rows = await run(['outbox', 'ls', '--channel', 'note', '--config', bench.configFile]);
    assert.equal(rows.out.length, 1);
    const [seq = ''] = /\d+/.exec(rows.out[0]?.split(' ').filter(Boolean)[1] ?? '') ?? [];
    assert.equal((await run(['outbox', 'show', seq, '--config', bench.configFile])).out.length, 3);
    const echo = run(['topics', 'echo', '/note', '--count', '1', '--config', bench.configFile]);
    const again = setInterval(() => void peer.publish('/note', STRING, { data: PUBLISHED }), 500);
    const { out } = await echo;
    clearInterval(again);
    assert.equal(out.length, 2);
    assert.ok(out[0]?.startsWith('data: "') && out[1] === '---');
  });

  it('stays in one line of a command’s result, and of the log of commands', async () => {
    const sent = await run(['send', 'set_interval', PUBLISHED, '--config', bench.configFile], bench.robotEnv());
    assert.equal(sent.out.length, 1);
    assert.match(sent.out[0] ?? '', /rejected \(bad_arguments/);
    const { out } = await run(['commands', 'log', '--config', bench.configFile]);
    assert.equal(out.length, 1);
  });

  it('does not change the lines of any status, and the alerts stay', () => {
    const lines = (next: () => string) => described(withTexts(status, next), describeStatus, 400);
    const expected = lines(() => 'x').length;
    fc.assert(
      fc.property(fc.array(foreignText(), { minLength: 1, maxLength: 20 }), (texts) => {
        let i = 0;
        const found = lines(() => texts[i++ % texts.length] ?? '');
        assert.equal(found.length, expected);
        assert.equal(found[1], 'alerts   fire');
        for (const line of found) {
          assertOnlyShown(line);
          assert.ok(!line.includes('\n'));
        }
      }),
      { numRuns: 300 },
    );
  });

  it('cannot push an alert off the screen of status --watch', { skip: noTerminal }, async () => {
    const hostile = withTexts(status, () => ALL);
    const socket = new StatusSocket(join(folder, 'state'), () => hostile, { reload: refuse, rotate: refuse });
    await socket.start();
    const shown = await run(['status', '--config', config]);
    assert.equal(shown.out[1], 'alerts   fire');
    const command = `stty rows 24 cols 80; ${AGENT} status --watch --config ${config}`;
    const child = spawn('script', ['-qefc', command, '/dev/null'], { env: { ...process.env, TERM: 'xterm' } });
    let seen = '';
    let isAsked = false;
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      seen += text;
      if (!isAsked && seen.split('\x1b[J').length > 2) child.stdin.write('\x03');
      isAsked ||= seen.split('\x1b[J').length > 2;
    });
    await once(child, 'close');
    await socket.stop();
    const screen = screenOf(seen.replaceAll('^C', ''), 24);
    assert.equal(screen.length, 23);
    assert.equal(screen[1], 'alerts   fire');
    assert.match(screen[22] ?? '', /^\d+ more lines/);
  });

  it('stays in one line of the log', async () => {
    const file = new LogFile();
    file.open({ folder: join(folder, 'state', 'logs'), maxBytes: 4e6, maxAgeMs: 3_600_000, nowMs: () => Date.now() });
    const log = createLog('info', {}, file);
    for (const text of ATTACKS) log.info({ event: 'x', text, [text]: 1, err: new Error(text, { cause: new Error(text) }) }, text);
    file.write(`half a line ${ALL.replaceAll('\n', ' ')}\n`);
    await file.close();
    const { out } = await run(['logs', '--config', config]);
    const { out: json } = await run(['logs', '--json', '--config', config]);
    assert.deepEqual([out.length, json.length], [ATTACKS.length + 2, ATTACKS.length + 2]);
    const texts = json.flatMap((line) => (line.startsWith('{') ? [(JSON.parse(line) as { text?: string }).text ?? []] : [])).flat();
    assert.deepEqual(texts, [...ATTACKS]);
  });

  it('stays in one line of an error, also as a name of a file, a topic or an option', async () => {
    const named = join(folder, 'r\x1b[2J\nproblems none.yaml');
    writeFileSync(named, 'channels:\n  gas: { topic: "/g\\e[2J\\nok" }\n');
    for (const args of [
      ['config', 'check', named],
      ['config', 'check', join(folder, ALL.replaceAll('\0', ''))],
      ['restore', join(folder, 'x\nproblems none'), '--config', config],
      ['certs', 'import', join(folder, 'x\r\x1b[K'), '--config', config],
      ['logs', '--since', '\x1b]0;x\x07\nok', '--config', config],
      ['status\x1b[2J'],
    ]) {
      const { out, err } = await run(args);
      assert.deepEqual([out, err.filter((line) => line.startsWith('elderly-bot: ')).length], [[], 1], err.join('\n'));
      assert.equal(err.length, 1);
    }
    const message = new AgentError('CONFIG_INVALID', [ALL, 'second'], { remedy: ALL }).line;
    assert.equal(message.split('\n').length, 2);
    assertOnlyShown(message);
  });

  it('stays in one line of the doctor', async () => {
    const check: Check = { code: 'agent', deadlineMs: 1_000, run: async () => ({ status: 'error', observed: ALL, remedy: ALL }) };
    const [result] = await examine([check]);
    assertOnlyShown(`${result?.observed}${result?.remedy}`);
  });
});

function refuse(): never {
  throw new Error('no test needs this');
}
