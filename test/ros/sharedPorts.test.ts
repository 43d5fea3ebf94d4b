// A life of a program is killed, and the next one has to be heard at once, whatever the clock did to those it talks to.
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, mkdtempSync, openSync, readFileSync, readSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { SharedPorts, startRosNode } from '../../src/ros/index.ts';
import { claimDomain, type RosDomain } from '../support/domain.ts';
import { RosPeer, rosUnavailable } from '../support/ros.ts';
import { until } from '../support/until.ts';

const DOOR = fileURLToPath(new URL('../../src/ros/index.ts', import.meta.url));
const TSX = new URL('../../node_modules/tsx/dist/esm/index.mjs', import.meta.url).href;
const TOPIC = '/ticks';
const NUMBER = 'std_msgs/msg/Int32';
const DAY_MS = 86_400_000;
const HEARD_WITHIN_MS = 10_000;
/** As Fast DDS 3.2 has them in a port's file. */
const NODE_AT = 256;
const FLAGS_AT = NODE_AT + 44;

describe('ports in shared memory', { skip: rosUnavailable() }, () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'ros-ports-'));
  const noted = path.join(folder, 'ports.json');
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

  const portsNoted = (): { file: string; uuid: string; lock: number }[] => JSON.parse(readFileSync(noted, 'utf8')).ports;

  /** A life of a program that listens; resolves once its node is there. */
  async function life(): Promise<{ child: ChildProcess; heard: Promise<unknown> }> {
    const program = `import { SharedPorts, startRosNode } from ${JSON.stringify(DOOR)};
      const node = await startRosNode({ name: 'child', ports: new SharedPorts(${JSON.stringify(noted)}) });
      const qos = { reliability: 'reliable', durability: 'volatile', depth: 10 };
      node.subscribe({ topic: '${TOPIC}', type: '${NUMBER}', qos, onMessage: () => console.log('heard') });
      process.once('SIGTERM', () => node.stop());
      console.log('started');`;
    const child = spawn(process.execPath, ['--import', TSX, '--input-type=module', '-e', program], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    children.add(child);
    const lines = createInterface({ input: child.stdout });
    const line = (wanted: string) => new Promise<void>((resolve) => lines.on('line', (text) => text === wanted && resolve()));
    const heard = line('heard');
    await line('started');
    return { child, heard };
  }

  async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
    const gone = once(child, 'exit');
    child.kill(signal);
    await gone;
  }

  test('what a killed life left behind is marked as dead, once; what one left in order is gone', async () => {
    const killed = await life();
    assert.equal(new SharedPorts(noted).bury(), 0, 'while it runs nothing is touched');
    await end(killed.child, 'SIGKILL');
    const left = portsNoted().map(({ file }) => file);
    assert.ok(left.length > 0 && left.every(existsSync), `${left}`);
    const ports = new SharedPorts(noted);
    assert.equal(ports.bury(), left.length);
    assert.equal(ports.bury(), 0);
    assert.deepEqual(
      left.map((file) => readFileSync(file).readUInt32LE(FLAGS_AT) & 1),
      left.map(() => 0),
    );
    const stopped = await life();
    await end(stopped.child, 'SIGTERM');
    assert.equal(new SharedPorts(noted).bury(), 0);
  });

  test('a port that was made anew since, and a note that can’t be read, are left alone', async () => {
    const running = await life();
    const ports = portsNoted();
    const others = ports.map((port) => ({ ...port, uuid: '0011223344556677' }));
    const anew = ports.map((port) => ({ ...port, lock: port.lock + 1 }));
    // Nobody has this process id: it is above the kernel's highest.
    const pid = 2 ** 22 + 1;
    for (const note of [
      { pid, ports: others },
      { pid, ports: anew },
      { pid, ports: [{ file: '/etc/passwd' }, null, 7] },
      { ports },
      [],
      null,
    ]) {
      writeFileSync(noted, JSON.stringify(note));
      assert.equal(new SharedPorts(noted).bury(), 0, JSON.stringify(note));
    }
    writeFileSync(noted, '{"pid": 1, "po');
    assert.equal(new SharedPorts(noted).bury(), 0);
    await end(running.child, 'SIGTERM');
  });

  test('a publisher whose clock was set back by a day hears of the death, and the next life hears the publisher', async () => {
    const peer = await RosPeer.start();
    await peer.advertise(TOPIC, NUMBER);
    let data = 0;
    const timer = setInterval(() => void peer.publish(TOPIC, NUMBER, { data: data++ }).catch(() => {}), 50);
    try {
      const first = await life();
      await first.heard;
      setAhead(peer.pid ?? 0, DAY_MS);
      await end(first.child, 'SIGKILL');
      const second = await life();
      const patience = AbortSignal.timeout(HEARD_WITHIN_MS);
      await Promise.race([second.heard, once(patience, 'abort').then(() => assert.fail(`nothing heard in ${HEARD_WITHIN_MS} ms`))]);
      await end(second.child, 'SIGTERM');
    } finally {
      clearInterval(timer);
      await peer.close();
    }
  });

  test('a robot’s node that died after the clock was set back hears this one again in its next life', async () => {
    const ports = new SharedPorts(path.join(folder, 'speaker.json'));
    const node = await startRosNode({ name: 'speaker', ports });
    const publisher = node.advertise(TOPIC, NUMBER);
    let data = 0;
    const timer = setInterval(() => publisher.publish({ data: data++ }), 50);
    const letGo = setInterval(() => ports.letGo(), 200);
    const peers: RosPeer[] = [];
    try {
      for (const life of [1, 2]) {
        const peer = await RosPeer.start();
        peers.push(peer);
        await peer.subscribe(TOPIC, NUMBER);
        await peer.next(TOPIC);
        if (life === 2) break;
        setAhead(process.pid, DAY_MS);
        process.kill(peer.pid ?? 0, 'SIGKILL');
        await until(() => peer.ended, 'it is dead');
      }
    } finally {
      clearInterval(timer);
      clearInterval(letGo);
      for (const peer of peers) await peer.close();
      await node.stop();
    }
  });
});

/** As if the clock had been ahead when readers were last looked at, in every port that a program has open. */
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
