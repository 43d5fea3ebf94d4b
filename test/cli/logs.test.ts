// `elderly-bot logs` beside an agent that logs.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { LogFile } from '../../src/logs/index.ts';
import { AGENT, Program } from '../support/program.ts';

describe('elderly-bot logs', () => {
  let folder: string;
  let config: string;
  const file = new LogFile();
  const log = (level: string, atMs: number, event: string) =>
    file.write(
      `${JSON.stringify({ level, time: new Date(atMs).toISOString(), thing: 'robot', room: 'uplink', event, msg: 'it happened' })}\n`,
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

  it('says what to do where there are none', () => {
    const { stderr, status } = show();
    assert.equal(status, 2);
    assert.match(stderr, /no logs in .*no agent has run on this state_dir yet; give the agent’s own configuration/);
  });

  it('shows lines by time and level, as people read them or as they are', () => {
    file.open({ folder: join(folder, 'state', 'logs'), maxBytes: 1024 ** 2, maxAgeMs: 3_600_000, nowMs: () => Date.now() });
    log('info', Date.now() - 7_200_000, 'long_ago');
    log('info', Date.now() - 1_000, 'quiet');
    log('error', Date.now() - 500, 'loud');
    const { lines } = show();
    assert.equal(lines.length, 3);
    assert.match(String(lines[2]), /^20\d\d-\S+Z error uplink: it happened {2}\{"event":"loud"\}$/);
    assert.deepEqual(
      show('--json', '--since', '1h').lines.map((line) => (JSON.parse(line) as { event: string }).event),
      ['quiet', 'loud'],
    );
    assert.equal(show('--level', 'warn').lines.length, 1);
    assert.match(show('--since', 'yesterday').stderr, /--since yesterday: neither a duration such as 10m nor a time; give 30s/);
  });

  it('waits for more, through a file that is turned over, until Ctrl-C', async () => {
    const program = new Program('logs', AGENT, ['logs', '--config', config, '-f', '--json', '--since', '10m']);
    await program.event('loud');
    for (let n = 0; n < 3_000; n++) log('info', Date.now(), 'many');
    log('info', Date.now(), 'last');
    await program.event('last');
    assert.equal(program.lines.filter(({ event }) => event === 'many').length, 3_000);
    program.signal('SIGINT');
    assert.equal(await program.exited, 0);
  });
});
