// What is done to the service, one thing each. Each ends with the agent running again.
import { renameSync, rmSync, writeFileSync } from 'node:fs';
import { UNIT } from '../../support/service.ts';
import type { Random } from '../random.ts';
import { boot } from './boot.ts';
import type { Robot } from './robot.ts';

const STOP_WITHIN_MS = 10_000;
const TOO_LITTLE = `/etc/systemd/system/${UNIT}.d/memory.conf`;

export interface Kind {
  /** @returns why the agent says that its last run ended; undefined where it was not to end. @throws what went wrong */
  readonly does: (robot: Robot, random: Random) => Promise<string | undefined>;
  readonly causes: readonly string[];
}

export const KINDS: Readonly<Record<string, Kind>> = {
  start: { does: start, causes: ['clean'] },
  reload: { does: reload, causes: [] },
  hang: { does: (robot) => signalled(robot, 'SIGSTOP'), causes: ['watchdog'] },
  kill: { does: (robot) => signalled(robot, 'SIGKILL'), causes: ['crash'] },
  out_of_memory: { does: outOfMemory, causes: ['oom'] },
  // Too little to start at all: the run that is told of is the one before.
  too_little_memory: { does: tooLittleMemory, causes: ['crash', 'oom', 'failed_start'] },
  crash_loop: { does: crashLoop, causes: ['crash', 'failed_start'] },
  stop: { does: stopUnderLoad, causes: ['clean'] },
  upgrade: { does: upgrade, causes: ['upgrade'] },
  boot: { does: boot, causes: ['power'] },
};

/** A start is over when it senses, whether or not there is a broker. */
async function start(robot: Robot): Promise<string> {
  robot.systemctl('stop', UNIT);
  await robot.bench.broker.kill();
  robot.systemctl('start', UNIT);
  const cause = await robot.cause();
  await robot.bench.broker.restart();
  await robot.bench.status(({ link: { state } }) => state === 'connected');
  return cause;
}

async function reload(robot: Robot): Promise<undefined> {
  const { pid } = robot.bench;
  robot.systemctl('reload', UNIT);
  if (robot.bench.pid !== pid) throw new Error('the reload restarted it');
}

async function signalled(robot: Robot, signal: NodeJS.Signals): Promise<string> {
  const { pid } = robot.bench;
  process.kill(pid, signal);
  await robot.bench.restartedAfter(pid);
  return robot.cause();
}

async function outOfMemory(robot: Robot): Promise<string> {
  const { pid, lab } = robot.bench;
  await lab.takeMemoryOf(UNIT);
  await robot.bench.restartedAfter(pid);
  return robot.cause();
}

async function tooLittleMemory(robot: Robot): Promise<string> {
  const { lab, pid } = robot.bench;
  writeFileSync(lab.path(TOO_LITTLE), '[Service]\nMemoryHigh=infinity\nMemoryMax=24M\n');
  robot.systemctl('daemon-reload');
  process.kill(pid, 'SIGKILL');
  await restarts(robot, 2);
  rmSync(lab.path(TOO_LITTLE));
  robot.systemctl('daemon-reload');
  await robot.bench.restartedAfter(0);
  return robot.cause();
}

async function crashLoop(robot: Robot): Promise<string> {
  const certificate = robot.bench.lab.path('/etc/elderly-bot/certs/robot.crt.pem');
  renameSync(certificate, `${certificate}.away`);
  process.kill(robot.bench.pid, 'SIGKILL');
  await restarts(robot, 3);
  renameSync(`${certificate}.away`, certificate);
  await robot.bench.restartedAfter(0);
  return robot.cause();
}

async function stopUnderLoad(robot: Robot): Promise<string> {
  const startedMs = performance.now();
  robot.systemctl('stop', UNIT);
  const tookMs = performance.now() - startedMs;
  const { Result: result } = robot.properties('Result');
  robot.systemctl('start', UNIT);
  if (tookMs > STOP_WITHIN_MS) throw new Error(`the stop took ${Math.round(tookMs)} ms`);
  if (result !== 'success') throw new Error(`the stop was, to systemd, ${result}`);
  return robot.cause();
}

/** The other version of the package over the one that runs, by turns newer and older. */
async function upgrade(robot: Robot): Promise<string> {
  const { version } = await robot.bench.status(() => true);
  const { pid } = robot.bench;
  robot.installPackage(version === '1.0.0' ? 1 : 0);
  await robot.bench.restartedAfter(pid);
  const next = await robot.bench.status(() => true);
  if (next.version === version) throw new Error(`${version} still runs`);
  return robot.cause();
}

async function restarts(robot: Robot, more: number): Promise<void> {
  const count = () => Number(robot.properties('NRestarts').NRestarts);
  const before = count();
  await robot.bench.lab.until(() => count() >= before + more, 60_000);
}
