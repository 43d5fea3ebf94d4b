// Stops whole agents whose disk is full to the last block. Each must end by itself, in time and without a crash.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { Program, ROOT } from '../../scripts/lab/program.ts';
import { needsRoot } from '../faults/campaign.ts';
import { fillUp, Volume } from '../faults/volume.ts';
import { Bench } from '../support/bench.ts';
import { mosquittoUnavailable } from '../support/mosquitto.ts';

const LIFE = join(ROOT, 'test/faults/uplinksLife.ts');
const DISK_BYTES = 24 * 1024 ** 2;
/** `STOPS=12` repeats the stop as often as the report of its first fault. */
const STOPS = Number(process.env.STOPS ?? 2);
/** The deadline of a stop, and the time after which it is ended by force; ten times that for a slow machine. */
const PATIENCE_MS = 120_000;

describe('a stop on a full disk', { skip: needsRoot() || mosquittoUnavailable() }, () => {
  let bench: Bench;
  before(async () => {
    bench = await Bench.start();
    bench.configure('outbox:\n  max_size: 8MiB\n');
  });
  after(() => bench.stop());

  for (let n = 1; n <= STOPS; n++) {
    it(`ends the agent without a crash, and names what could not be written (${n})`, async () => {
      const volume = await Volume.tmpfs(bench.stateDir, DISK_BYTES);
      const agent = new Program('agent', process.execPath, ['--import', 'tsx', LIFE, bench.configFile], bench.robotEnv());
      try {
        await agent.event('connected', undefined, PATIENCE_MS);
        fillUp(bench.stateDir);
        for (let i = 0; i < 2_000; i++) agent.order(i % 2 === 0 ? 'fall' : 'stand');
        await agent.event('published', ({ number }) => number === 1_000 * (n % 2) + 1, PATIENCE_MS);
        // The orders of this program stay open and keep its process alive, so the agent also has to end it by force.
        const code = await agent.stop(PATIENCE_MS);
        const events = agent.lines.map(({ event }) => event);
        assert.ok(code === 0 || code === 1, `it ended with ${code}: ${agent.stderr.slice(-1_000)}`);
        assert.ok(!events.includes('crashed'), agent.stderr.slice(-1_000));
        assert.ok(!events.includes('stop_overdue'), JSON.stringify(agent.lines.slice(-5)));
        assert.ok(events.includes(code === 0 ? 'stopped' : 'stopped_incompletely'), JSON.stringify(agent.lines.slice(-5)));
        assert.equal(events.includes('stop_failed'), code === 1);
      } finally {
        await agent.kill();
        await volume.unmount();
      }
    });
  }
});
