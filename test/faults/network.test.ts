// Tests the network in namespaces itself: what its faults do to a TCP connection, and that nothing of it remains.
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { after, before, beforeEach, describe, it } from 'node:test';
import { Program, ROOT } from '../../scripts/lab/program.ts';
import { networkFolder } from '../support/network/folder.ts';
import { BLACK_HOLE, type LabUplink } from '../support/network/labUplink.ts';
import { BROKER_V4, BROKER_V6, networkMissing, RobotNetwork } from '../support/network/robotNetwork.ts';
import { until } from '../support/until.ts';

/** The broker answers the last byte of this record. */
const RECORD = 4_096;
const PATIENCE_S = 60;
/** A sound path answers within milliseconds; the test of a fault waits for this long. */
const SILENT_AFTER_S = 2;

const skip = networkMissing();

describe('a network in namespaces', { skip, timeout: 180_000 }, () => {
  let network: RobotNetwork;
  let first: LabUplink;
  let client: Program;
  let tries = 0;

  /** @param host undefined stays on the present connection. */
  const tried = async (host: string | undefined, bytes: number, patienceS = PATIENCE_S) => {
    tries += 1;
    client.order(JSON.stringify([host ?? null, bytes, patienceS]));
    await until(() => client.lines.length >= tries || client.ended, 'the client answers', { patienceMs: 120_000 });
    const { came, connected_ms } = client.lines[tries - 1] ?? {};
    return { came, connectedMs: Number(connected_ms) };
  };
  const came = async (...parts: Parameters<typeof tried>) => (await tried(...parts)).came;

  before(async () => {
    network = await RobotNetwork.start(['wlan0']);
    const [wlan0] = network.uplinks;
    assert.ok(wlan0);
    first = wlan0;
    client = network.program('client', 'python3', 'test/support/network/client.py');
  });
  beforeEach(() => first.heal());
  after(() => network?.stop());

  it('reaches the broker by both address families', async () => {
    assert.equal(await came(BROKER_V4, RECORD), 'an answer');
    assert.equal(await came(BROKER_V6, RECORD), 'an answer');
  });

  it('plays a provider that drops everything, and the interface stays up', async () => {
    await first.harm(BLACK_HOLE);
    assert.equal(await came(BROKER_V4, RECORD, SILENT_AFTER_S), 'nothing');
    assert.equal(await came(BROKER_V6, RECORD, SILENT_AFTER_S), 'nothing');
  });

  it('plays a provider that drops IPv6', async () => {
    await first.harm({ drop: [6] });
    assert.equal(await came(BROKER_V6, RECORD, SILENT_AFTER_S), 'nothing');
    assert.equal(await came(BROKER_V4, RECORD), 'an answer');
  });

  it('plays a router that forgets its connections: new ones work, old ones get no answer', async () => {
    await came(BROKER_V4, 1, 0.1);
    assert.equal(await came(undefined, RECORD - 1), 'an answer');
    await came(BROKER_V4, 1, 0.1);
    await first.harm({ forget: true });
    assert.equal(await came(undefined, RECORD - 1, SILENT_AFTER_S), 'nothing');
    assert.equal(await came(BROKER_V4, RECORD), 'an answer');
  });

  it('plays a path that drops large packets without a word', async () => {
    await first.harm({ longest: 1_300 });
    assert.equal(await came(BROKER_V4, RECORD, SILENT_AFTER_S), 'nothing');
    await came(BROKER_V4, RECORD / 4, 0.1);
    for (const _ of [2, 3]) await came(undefined, RECORD / 4, 0.1);
    assert.equal(await came(undefined, RECORD / 4), 'an answer');
  });

  it('plays a round trip of 600 ms', async () => {
    await first.harm({ delay_ms: 300 });
    const { came, connectedMs } = await tried(BROKER_V6, RECORD);
    assert.equal(came, 'an answer');
    assert.ok(connectedMs >= 600, `${connectedMs} ms`);
  });

  it('plays an interface that goes down and comes back', async () => {
    first.down();
    assert.match(String(await came(BROKER_V4, RECORD)), /unreachable/);
    first.up();
    assert.equal(await came(BROKER_V6, RECORD), 'an answer');
  });
});

it('leaves nothing behind when the test is killed', { skip, timeout: 120_000 }, async () => {
  const builder = new Program('builder', process.execPath, ['--import', 'tsx', `${ROOT}test/support/network/builder.ts`]);
  await builder.event('built', undefined, 60_000);
  const pids = childrenOf(builder.pid);
  // The robot, the router, the internet, the provider, the broker and a program of the robot.
  assert.ok(pids.length >= 6, String(pids));
  await builder.kill();
  await until(() => !pids.some(isAlive), 'all processes have ended', { patienceMs: 60_000 });
  const folders = () => readdirSync(tmpdir()).filter((name) => name.startsWith(`elderly-bot-network-${builder.pid}-`));
  assert.notDeepEqual(folders(), []);
  rmSync(networkFolder(), { recursive: true });
  assert.deepEqual(folders(), []);
});

const childrenOf = (pid: number): string[] => readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ');
const isAlive = (pid: string): boolean => existsSync(`/proc/${pid}/ns/net`);
