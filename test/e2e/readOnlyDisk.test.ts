// The disk of the state directory fails under a running agent, on real parts: an ext4 whose file system aborts, rclpy and
// Mosquitto. Alerts leave from memory, also after a restart, and the agent goes back to the disk once it works.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { claimDomain, type RosDomain } from '../../scripts/lab/domain.ts';
import type { Program } from '../../scripts/lab/program.ts';
import { findStandIn } from '../../src/state/index.ts';
import { compareMarks, type Mark } from '../../src/wire/index.ts';
import { needsRoot } from '../faults/campaign.ts';
import { Volume } from '../faults/volume.ts';
import { Bench, THING } from '../support/bench.ts';
import { mosquittoUnavailable } from '../support/mosquitto.ts';
import { RosPeer, rosUnavailable } from '../support/ros.ts';
import { eventually } from '../support/until.ts';

const MIB = 1024 ** 2;
const BOOL = 'std_msgs/msg/Bool';
const skip = needsRoot() || rosUnavailable() || mosquittoUnavailable();

describe('a disk that becomes read-only', { skip, timeout: 300_000 }, () => {
  let domain: RosDomain;
  let bench: Bench;
  let peer: RosPeer;
  let disk: Volume;
  let memory: Volume;
  let runtime: string;
  let agent: Program;
  let sent: Program;

  before(async () => {
    domain = await claimDomain();
    bench = await Bench.start();
    disk = await Volume.ext4(bench.stateDir, 64 * MIB);
    runtime = mkdtempSync(join(tmpdir(), 'elderly-bot-runtime-'));
    memory = await Volume.tmpfs(runtime, 64 * MIB);
    process.env.RUNTIME_DIRECTORY = runtime;
    bench.configure('  tumble: { topic: /tumble, type: std_msgs/msg/Bool, class: alert }\n');
    const topics = ['telemetry', 'presence', 'results'].flatMap((name) => ['-t', `elderly_bot/${name}`]);
    sent = bench.run('sent', 'mosquitto_sub', [...bench.mosquittoArguments(), ...topics]);
    peer = await RosPeer.start();
    await peer.advertise('/tumble', BOOL);
  });

  after(async () => {
    await peer?.close();
    await bench?.endPrograms();
    await disk?.unmount();
    await memory?.unmount();
    delete process.env.RUNTIME_DIRECTORY;
    rmSync(runtime, { recursive: true, force: true });
    await bench?.stop();
    await domain?.release();
  });

  const startAgent = async () => {
    agent = bench.agent();
    await agent.event('connected');
    await peer.matched('/tumble');
  };

  /** The alerts that the broker has sent to the cloud, each once. */
  const raised = (): Record<string, unknown>[] => {
    const readings = sent.lines.flatMap(({ readings: rows = [], outbox }) =>
      (rows as [number, number, string, unknown, Record<string, unknown>?][]).map((row) => [outbox, ...row] as const),
    );
    const alerts = readings.filter(([, , , channel, , extra]) => channel === 'tumble' && extra?.alert === 'raised');
    return [...new Map(alerts.map(([outbox, seq, , , value, extra]) => [`${outbox}/${seq}`, { value, ...extra }])).values()];
  };

  it('sends the next alert from memory, marked as volatile', async () => {
    await startAgent();
    await disk.abort();
    await peer.publish('/tumble', BOOL, { data: true });
    const [alert] = await eventually(
      async () => raised(),
      (found) => found.length > 0,
      'the alert is at the broker',
      { patienceMs: 60_000 },
    );
    assert.deepEqual([alert?.value, alert?.volatile], [true, true]);
    assert.ok(agent.lines.some(({ event }) => event === 'storage_failed'));
  });

  it('says in its presence and in its status that the disk failed', async () => {
    await eventually(
      async () => sent.lines.filter(({ online }) => online === true).at(-1),
      (presence) => presence?.storage === 'failed',
      'presence says so',
    );
    const { problems } = await bench.status(({ link }) => link.state === 'connected');
    assert.ok(problems.some(({ code, text }) => code === 'storage_failed' && text.includes(bench.stateDir)));
  });

  it('refuses a command, because it could not remember that the command ran', async () => {
    const command = { id: 'c1', thing: THING, command: 'ping', issued_at: Date.now(), expires_at: Date.now() + 20_000 };
    const args = [...bench.mosquittoArguments(), '-t', 'elderly_bot/commands', '-m', JSON.stringify(command)];
    bench.run('pub', 'mosquitto_pub', args);
    const result = await eventually(
      async () => sent.lines.find(({ kind, id }) => kind === 'result' && id === 'c1'),
      (found) => found !== undefined,
      'the result',
    );
    assert.deepEqual([result?.status, result?.reason], ['rejected', 'not_allowed']);
    assert.match(String(result?.detail), /disk cannot be written/);
  });

  it('senses and delivers after a restart on the read-only disk', async () => {
    const before = raised();
    await agent.kill();
    await startAgent();
    // For up to 20 s the publisher is still matched with the agent that was killed, so that a single message may not reach the new one.
    await eventually(
      async () => {
        await peer.publish('/tumble', BOOL, { data: false });
        return bench.status(() => true);
      },
      ({ channels }) => channels.some(({ name, alert, messages }) => name === 'tumble' && !alert && messages > 0),
      'the new agent hears the publisher',
      { patienceMs: 60_000 },
    );
    await peer.publish('/tumble', BOOL, { data: true });
    await eventually(
      async () => raised(),
      (found) => found.length > before.length,
      'the next alert',
      { patienceMs: 60_000 },
    );
    assert.ok(raised().every(({ volatile }) => volatile === true));
  });

  it('goes back to the disk once it works, with marks that the cloud takes as later', async () => {
    await agent.kill();
    await disk.repair();
    const presences = () => sent.lines.filter(({ online }) => online === true);
    const before = presences().length;
    await startAgent();
    await eventually(
      async () => presences().slice(before).at(-1),
      (presence) => presence !== undefined && presence.storage === undefined,
      'presence without storage',
    );
    const marks = presences().map(({ mark }) => mark as Mark);
    assert.deepEqual(marks, marks.toSorted(compareMarks));
    assert.equal(findStandIn(bench.stateDir), undefined, 'the stand-in is gone');
    const { problems, outbox } = await bench.status(({ link }) => link.state === 'connected');
    assert.ok(!problems.some(({ code }) => code === 'storage_failed' || code === 'outbox_damaged'));
    assert.equal(outbox.evicted, 0);
  });
});
