// Tests `elderly-bot logs`: formats, filters, following a rotated file, and missing logs.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { AGENT, Program } from '../../scripts/lab/program.ts';
import { benchCertificates } from '../../src/identity/index.ts';
import { LogFile } from '../../src/logs/index.ts';
import { rosUnavailable } from '../support/ros.ts';

describe('elderly-bot logs', () => {
  let folder: string;
  let config: string;
  const file = new LogFile();
  const log = (level: string, atMs: number, event: string) =>
    file.write(
      `${JSON.stringify({ level, time: new Date(atMs).toISOString(), thing: 'robot', module: 'uplink', event, msg: 'it happened' })}\n`,
    );
  const show = (...args: string[]) => {
    const { stdout, stderr, status } = spawnSync(AGENT, ['logs', '--config', config, ...args], { encoding: 'utf8' });
    return { lines: stdout.split('\n').filter(Boolean), stderr, status };
  };

  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'elderly-bot-cli-logs-'));
    config = join(folder, 'robot.yaml');
    writeFileSync(config, 'state_dir: state\n');
  });
  after(async () => {
    await file.close();
    rmSync(folder, { recursive: true });
  });

  it('prints a remedy if there are no logs', () => {
    const { stderr, status } = show();
    assert.equal(status, 2);
    assert.match(stderr, /no logs in .*no agent has used this state_dir yet; give the configuration of the agent/);
  });

  it('filters lines by time and level, and prints them as text or unchanged', () => {
    file.open({ folder: join(folder, 'state', 'logs'), maxBytes: 1024 ** 2, maxAgeMs: 3_600_000, nowMs: () => Date.now() });
    log('info', Date.now() - 7_200_000, 'long_ago');
    log('info', Date.now() - 1_000, 'quiet');
    log('error', Date.now() - 500, 'loud');
    const { lines, stderr } = show();
    assert.equal(lines.length, 3);
    assert.match(
      stderr,
      /^elderly-bot: no agent runs with this state_dir; .*service logs.*doctor --config .*robot\.yaml.* shows the remedy\n$/,
    );
    assert.equal(show('--json').stderr, '');
    assert.match(String(lines[2]), /^20\d\d-\S+Z error uplink: it happened {2}\{"event":"loud"\}$/);
    assert.deepEqual(
      show('--json', '--since', '1h').lines.map((line) => (JSON.parse(line) as { event: string }).event),
      ['quiet', 'loud'],
    );
    assert.equal(show('--level', 'warn').lines.length, 1);
    assert.match(show('--since', 'yesterday').stderr, /--since yesterday: neither a duration such as 10m nor a time; give 30s/);
  });

  it('follows new lines across a log rotation until Ctrl-C', async () => {
    const program = new Program('logs', AGENT, ['logs', '--config', config, '-f', '--json', '--since', '10m']);
    await program.event('loud');
    for (let n = 0; n < 3_000; n++) log('info', Date.now(), 'many');
    log('info', Date.now(), 'last');
    await program.event('last');
    assert.equal(program.lines.filter(({ event }) => event === 'many').length, 3_000);
    program.signal('SIGINT');
    assert.equal(await program.exited, 0);
  });

  it('shows the reason of a failed start if the agent had opened its log file', { skip: rosUnavailable() }, async () => {
    const { ca, robot } = await benchCertificates(join(folder, 'certs'), 'elderly-bot');
    const failing = join(folder, 'failing.yaml');
    writeFileSync(
      failing,
      `state_dir: failed\nmqtt: { endpoint: "localhost:1", root_ca: ${ca}, cert_file: ${robot.cert}, private_key: ${robot.key} }\n`,
    );
    const env = { ...process.env, RMW_IMPLEMENTATION: 'rmw_none_cpp' };
    const { status, stderr } = spawnSync(AGENT, ['run', '--config', failing], { encoding: 'utf8', env });
    assert.equal(status, 2);
    const { stdout } = spawnSync(AGENT, ['logs', '--config', failing, '--level', 'error'], { encoding: 'utf8' });
    assert.match(
      stdout,
      /^\S+ error the agent did not start: RMW_IMPLEMENTATION is "rmw_none_cpp".*\{"event":"start_failed","code":"ROS_MISSING"\}\n$/,
    );
    assert.match(stderr, /RMW_IMPLEMENTATION is "rmw_none_cpp".*\[ROS_MISSING\]/);
  });
});
