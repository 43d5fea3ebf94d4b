// Tests `elderly-bot bench`: the Mosquitto configuration that it writes, and the measurement of the link to this broker.
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { AGENT } from '../../scripts/lab/program.ts';
import { type BenchResult, bars, histogram, quantile } from '../../src/cli/bench.ts';
import { findMosquitto } from '../support/mosquitto.ts';
import { freePort } from '../support/ports.ts';

const program = findMosquitto();

describe('elderly-bot bench', { skip: program ? false : 'no Mosquitto: apt-get install mosquitto', timeout: 300_000 }, () => {
  let folder: string;
  let port: number;
  let config: string;
  let stop: () => Promise<void> = async () => {};

  const run = (...args: string[]) =>
    new Promise<{ code: number; stdout: string; stderr: string }>((resolve) => {
      execFile(AGENT, ['bench', ...args], (error, stdout, stderr) =>
        resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr }),
      );
    });

  before(async () => {
    folder = join(mkdtempSync(join(tmpdir(), 'elderly-bot-bench-')), 'bench');
    config = join(folder, 'robot.yaml');
    port = await freePort();
  });
  after(async () => {
    await stop();
    rmSync(join(folder, '..'), { recursive: true });
  });

  it('reports an unreachable broker with exit code 2', async () => {
    const made = await run('mosquitto', folder, '--port', String(port), '--json');
    assert.equal(made.code, 0, made.stderr);
    assert.equal((JSON.parse(made.stdout) as { robot: string }).robot, config);
    assert.equal(statSync(join(folder, 'certs/robot.key.pem')).mode & 0o777, 0o600);
    const { code, stderr } = await run('--config', config);
    assert.equal(code, 2);
    assert.match(stderr, /connection refused.* \[BROKER_UNREACHABLE\]/);
  });

  it('measures the link to its Mosquitto and writes the result as JSON and as an HTML page', async () => {
    const broker = spawn(String(program), ['-c', join(folder, 'mosquitto.conf')], { stdio: 'ignore' });
    stop = async () => {
      const gone = once(broker, 'exit');
      broker.kill();
      await gone;
    };
    await listening(port);
    const html = join(folder, 'report.html');
    const { code, stdout, stderr } = await run('--config', config, '--seconds', '1', '--json', '--html', html);
    assert.equal(code, 0, stderr);
    const found = JSON.parse(stdout) as BenchResult;
    assert.equal(found.ack_ms.length, 200);
    assert.equal(found.outage_ms.length, 5);
    assert.equal(found.per_second.length, 1);
    assert.ok(found.messages_per_second > 0 && found.ack_p50_ms > 0 && found.round_trip_p50_ms >= found.ack_p50_ms / 2);
    assert.ok(found.ack_p99_ms >= found.ack_p50_ms);
    const page = readFileSync(html, 'utf8');
    assert.equal(page.match(/<svg /g)?.length, 3);
    assert.ok(!page.includes('http://') && !page.includes('<script'), 'the page needs no script and no network');
  });

  it('prints the result as text with charts', async () => {
    const { stdout } = await run('--config', config, '--seconds', '1');
    assert.match(
      stdout,
      /^localhost:\d+, MQTT 5, connected in \d+ ms\n\nlatency .*\n( +[0-9.]+ ms +\d+ ?█?.*\n){10}\nthroughput {2}\d+ messages of 5 KiB a second/,
    );
    assert.match(stdout, /\noutage {6}acknowledged again \d+ ms after a cut/);
  });

  it('does not overwrite existing files', async () => {
    const { code, stderr } = await run('mosquitto', folder);
    assert.equal(code, 2);
    assert.match(stderr, /mosquitto\.conf already exists.* \[FILE_EXISTS\]/);
  });
});

describe('figures', () => {
  it('use the nearest rank for a quantile', () => {
    assert.deepEqual(
      [0, 0.5, 0.99, 1].map((share) => quantile([3, 1, 2, 4], share)),
      [1, 2, 4, 4],
    );
  });

  it('count every value in a bin, the highest ones in the last bin', () => {
    const bins = histogram([1, 1, 1, 2, 1_000]);
    assert.equal(bins.length, 10);
    assert.equal(
      bins.reduce((all, [, count]) => all + count, 0),
      5,
    );
    assert.equal(bins.at(-1)?.[1], 1);
    assert.equal(
      histogram([5]).reduce((all, [, count]) => all + count, 0),
      1,
    );
  });

  it('draw bars in proportion to their values', () => {
    assert.deepEqual(
      bars([
        ['a', 2],
        ['bb', 1],
        ['c', 0],
      ]),
      [` a 2 ${'█'.repeat(50)}`, `bb 1 ${'█'.repeat(25)}`, ' c 0'],
    );
  });
});

async function listening(port: number): Promise<void> {
  for (;;) {
    const socket = connect(port, '127.0.0.1');
    const isOpen = await Promise.race([once(socket, 'connect').then(() => true), once(socket, 'error').then(() => false)]).catch(
      () => false,
    );
    socket.destroy();
    if (isOpen) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
