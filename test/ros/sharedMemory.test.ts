// Kills a program, and tests that its next run sends and receives at once, even if the clock was set back in between.
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, mkdtempSync, openSync, readFileSync, readSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { claimDomain, type RosDomain } from '../../scripts/lab/domain.ts';
import { SharedMemoryRepair, startRosNode } from '../../src/ros/index.ts';
import { RosPeer, rosUnavailable } from '../support/ros.ts';
import { until } from '../support/until.ts';

const ROS = fileURLToPath(new URL('../../src/ros/index.ts', import.meta.url));
const TSX = new URL('../../node_modules/tsx/dist/esm/index.mjs', import.meta.url).href;
const TOPIC = '/ticks';
const NUMBER = 'std_msgs/msg/Int32';
const DAY_MS = 86_400_000;
const RECEIVED_WITHIN_MS = 10_000;
/** Byte offsets in the file of a port in Fast DDS 3.2. */
const NODE_AT = 256;
const FLAGS_AT = NODE_AT + 44;

describe('ports in shared memory', { skip: rosUnavailable() }, () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'ros-ports-'));
  const record = path.join(folder, 'ports.json');
  let domain: RosDomain;
  before(async () => {
    domain = await claimDomain();
  });
  const children = new Set<ChildProcess>();
  after(async () => {
    for (const child of children) child.kill('SIGKILL');
    await domain.release();
    rmSync(folder, { recursive: true });
  });

  const recordedPorts = (): { file: string; uuid: string; lock: number }[] => JSON.parse(readFileSync(record, 'utf8')).ports;

  /** Starts a program that subscribes. Resolves when its node has started. `received` resolves when its first message arrived. */
  async function startRun(): Promise<{ child: ChildProcess; received: Promise<unknown> }> {
    const program = `import { SharedMemoryRepair, startRosNode } from ${JSON.stringify(ROS)};
      const node = await startRosNode({ name: 'child', sharedMemory: new SharedMemoryRepair(${JSON.stringify(record)}) });
      const qos = { reliability: 'reliable', durability: 'volatile', depth: 10 };
      node.subscribe({ topic: '${TOPIC}', type: '${NUMBER}', qos, onMessage: () => console.log('received') });
      process.once('SIGTERM', () => node.stop());
      console.log('started');`;
    const child = spawn(process.execPath, ['--import', TSX, '--input-type=module', '-e', program], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    children.add(child);
    const lines = createInterface({ input: child.stdout });
    const line = (wanted: string) => new Promise<void>((resolve) => lines.on('line', (text) => text === wanted && resolve()));
    const received = line('received');
    await line('started');
    return { child, received };
  }

  async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
    const gone = once(child, 'exit');
    child.kill(signal);
    await gone;
  }

  test('the ports of a killed run are marked as stale once, and an orderly end leaves no ports', async () => {
    const killed = await startRun();
    assert.equal(new SharedMemoryRepair(record).markStale(), 0, 'nothing changes while the program runs');
    await end(killed.child, 'SIGKILL');
    const left = recordedPorts().map(({ file }) => file);
    assert.ok(left.length > 0 && left.every(existsSync), `${left}`);
    const ports = new SharedMemoryRepair(record);
    assert.equal(ports.markStale(), left.length);
    assert.equal(ports.markStale(), 0);
    assert.deepEqual(
      left.map((file) => readFileSync(file).readUInt32LE(FLAGS_AT) & 1),
      left.map(() => 0),
    );
    const stopped = await startRun();
    await end(stopped.child, 'SIGTERM');
    assert.equal(new SharedMemoryRepair(record).markStale(), 0);
  });

  test('a port that was created again stays unchanged, and an unreadable record is ignored', async () => {
    const running = await startRun();
    const ports = recordedPorts();
    const others = ports.map((port) => ({ ...port, uuid: '0011223344556677' }));
    const replaced = ports.map((port) => ({ ...port, lock: port.lock + 1 }));
    // No process has this id, because it is above the limit of the kernel.
    const pid = 2 ** 22 + 1;
    for (const written of [
      { pid, ports: others },
      { pid, ports: replaced },
      { pid, ports: [{ file: '/etc/passwd' }, null, 7] },
      { ports },
      [],
      null,
    ]) {
      writeFileSync(record, JSON.stringify(written));
      assert.equal(new SharedMemoryRepair(record).markStale(), 0, JSON.stringify(written));
    }
    writeFileSync(record, '{"pid": 1, "po');
    assert.equal(new SharedMemoryRepair(record).markStale(), 0);
    await end(running.child, 'SIGTERM');
  });

  test('the next run receives from a publisher whose clock was set back by a day before the death', async () => {
    const peer = await RosPeer.start();
    await peer.advertise(TOPIC, NUMBER);
    let data = 0;
    const timer = setInterval(() => void peer.publish(TOPIC, NUMBER, { data: data++ }).catch(() => {}), 50);
    try {
      const first = await startRun();
      await first.received;
      setAhead(peer.pid ?? 0, DAY_MS);
      await end(first.child, 'SIGKILL');
      const second = await startRun();
      const patience = AbortSignal.timeout(RECEIVED_WITHIN_MS);
      await Promise.race([
        second.received,
        once(patience, 'abort').then(() => assert.fail(`nothing received in ${RECEIVED_WITHIN_MS} ms`)),
      ]);
      await end(second.child, 'SIGTERM');
    } finally {
      clearInterval(timer);
      await peer.close();
    }
  });

  test('this program reaches the next run of a node that died after the clock was set back', async () => {
    const sharedMemory = new SharedMemoryRepair(path.join(folder, 'sender.json'));
    const node = await startRosNode({ name: 'sender', sharedMemory });
    const publisher = node.advertise(TOPIC, NUMBER);
    let data = 0;
    const timer = setInterval(() => publisher.publish({ data: data++ }), 50);
    const release = setInterval(() => sharedMemory.release(), 200);
    const peers: RosPeer[] = [];
    try {
      for (const run of [1, 2]) {
        const peer = await RosPeer.start();
        peers.push(peer);
        await peer.subscribe(TOPIC, NUMBER);
        await peer.next(TOPIC);
        if (run === 2) break;
        setAhead(process.pid, DAY_MS);
        process.kill(peer.pid ?? 0, 'SIGKILL');
        await until(() => peer.ended, 'the peer is dead');
      }
    } finally {
      clearInterval(timer);
      clearInterval(release);
      for (const peer of peers) await peer.close();
      await node.stop();
    }
  });
});

/** Moves the time of the last check of the readers forward in each port of a program, as if the program's clock had been ahead. */
function setAhead(pid: number, byMs: number): void {
  const maps = readFileSync(`/proc/${pid}/maps`, 'utf8');
  const files = new Set(maps.match(/\/dev\/shm\/fastdds_port\d+$/gm));
  assert.ok(files.size > 0, 'shared memory is used');
  for (const file of files) {
    const fd = openSync(file, 'r+');
    const stamp = Buffer.alloc(8);
    readSync(fd, stamp, 0, 8, NODE_AT);
    assert.ok(Math.abs(Number(stamp.readBigInt64LE()) - Date.now()) < DAY_MS, `${file} has its stamp at ${NODE_AT}`);
    stamp.writeBigInt64LE(BigInt(Date.now() + byMs));
    writeSync(fd, stamp, 0, 8, NODE_AT);
    closeSync(fd);
  }
}
