// The disk of the state directory fails under a running agent, on real parts: an ext4 whose file system aborts, rclpy and
// Mosquitto. Alerts leave from memory, also after a restart, and the agent goes back to the disk once it works.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { claimDomain, type RosDomain } from '../../scripts/lab/domain.ts';
import type { Program } from '../../scripts/lab/program.ts';
import { needsRoot } from '../faults/campaign.ts';
import { Volume } from '../faults/volume.ts';
import { Bench } from '../support/bench.ts';
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
    const topics = ['-t', 'elderly_bot/telemetry', '-t', 'elderly_bot/presence'];
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

  /** Resolves with a reading that the broker has sent to the cloud. */
  const alert = async (fits: (extra: Record<string, unknown>) => boolean): Promise<Record<string, unknown>> => {
    const readings = () =>
      sent.lines.flatMap(({ readings: rows = [] }) => rows as [number, number, string, unknown, Record<string, unknown>?][]);
    const found = await eventually(
      async () => readings().find(([, , channel, , extra]) => channel === 'tumble' && extra?.alert !== undefined && fits(extra)),
      (each) => each !== undefined,
      'the alert is at the broker',
      { patienceMs: 60_000 },
    );
    return { value: found?.[3], ...found?.[4] };
  };

  it('sends the next alert from memory, marked as volatile', async () => {
    await startAgent();
    await disk.abort();
    await peer.publish('/tumble', BOOL, { data: true });
    const { value, alert: state, volatile } = await alert(({ alert: state }) => state === 'raised');
    assert.deepEqual([value, state, volatile], [true, 'raised', true]);
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
});
