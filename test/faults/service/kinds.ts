// The faults of the service campaign. After each the agent runs again.
import { renameSync, rmSync, writeFileSync } from 'node:fs';
import type { Ending } from '../../../src/service/index.ts';
import { UNIT } from '../../support/service.ts';
import type { Random } from '../random.ts';
import { boot } from './boot.ts';
import type { Robot } from './robot.ts';

const STOP_WITHIN_MS = 10_000;
const START_WITHIN_MS = 10_000;
/** Mostly. */
const START_TAKES_MS = 1_500;
const TOO_LITTLE = `/etc/systemd/system/${UNIT}.d/memory.conf`;

export interface Kind {
  /** @returns the cause that the agent names for its last end; undefined if it did not end. @throws an error that describes the failure */
  readonly does: (robot: Robot, random: Random) => Promise<Ending | undefined>;
  readonly causes: readonly Ending['cause'][];
}

export const KINDS: Readonly<Record<string, Kind>> = {
  start: { does: start, causes: ['clean'] },
  reload: { does: reload, causes: [] },
  hang: { does: (robot) => signalled(robot, 'SIGSTOP'), causes: ['watchdog'] },
  kill: { does: (robot) => signalled(robot, 'SIGKILL'), causes: ['crash'] },
  out_of_memory: { does: outOfMemory, causes: ['oom'] },
  // With too little memory no start succeeds, so the agent names the end of the run before.
  too_little_memory: { does: tooLittleMemory, causes: ['crash', 'oom', 'failed_start'] },
  crash_loop: { does: crashLoop, causes: ['crash', 'failed_start'] },
  stop: { does: stopUnderLoad, causes: ['clean'] },
  // If the agent had not begun to run, it names the end of the run before, which was stopped too.
  stop_at_start: { does: stopAtStart, causes: ['clean'] },
  upgrade: { does: upgrade, causes: ['upgrade'] },
  boot: { does: boot, causes: ['power'] },
};

/** Waits until the agent senses. It needs no broker for that. */
async function start(robot: Robot): Promise<Ending> {
  robot.systemctl('stop', UNIT);
  await robot.bench.broker.kill();
  robot.systemctl('start', UNIT);
  const ending = await robot.ending();
  await robot.bench.broker.restart();
  await robot.bench.status(({ link: { state } }) => state === 'connected');
  return ending;
}

async function reload(robot: Robot): Promise<undefined> {
  const { pid } = robot.bench;
  robot.systemctl('reload', UNIT);
  if (robot.bench.pid !== pid) throw new Error('the reload restarted it');
}

async function signalled(robot: Robot, signal: NodeJS.Signals): Promise<Ending> {
  const { pid } = robot.bench;
  process.kill(pid, signal);
  await robot.bench.restartedAfter(pid);
  return robot.ending();
}

async function outOfMemory(robot: Robot): Promise<Ending> {
  const { pid, lab } = robot.bench;
  await lab.takeMemoryOf(UNIT);
  await robot.bench.restartedAfter(pid);
  return robot.ending();
}

async function tooLittleMemory(robot: Robot): Promise<Ending> {
  const { lab, pid } = robot.bench;
  writeFileSync(lab.path(TOO_LITTLE), '[Service]\nMemoryHigh=infinity\nMemoryMax=24M\n');
  robot.systemctl('daemon-reload');
  process.kill(pid, 'SIGKILL');
  await restarts(robot, 2);
  rmSync(lab.path(TOO_LITTLE));
  robot.systemctl('daemon-reload');
  await robot.bench.restartedAfter(0);
  return robot.ending();
}

async function crashLoop(robot: Robot): Promise<Ending> {
  const certificate = robot.bench.lab.path('/etc/elderly-bot/certs/robot.crt.pem');
  renameSync(certificate, `${certificate}.away`);
  process.kill(robot.bench.pid, 'SIGKILL');
  await restarts(robot, 3);
  renameSync(`${certificate}.away`, certificate);
  await robot.bench.restartedAfter(0);
  return robot.ending();
}

async function stopUnderLoad(robot: Robot): Promise<Ending> {
  const startedMs = performance.now();
  robot.systemctl('stop', UNIT);
  const tookMs = performance.now() - startedMs;
  const { Result: result } = robot.properties('Result');
  robot.systemctl('start', UNIT);
  if (tookMs > STOP_WITHIN_MS) throw new Error(`the stop took ${Math.round(tookMs)} ms`);
  if (result !== 'success') throw new Error(`the stop was, to systemd, ${result}`);
  return robot.ending();
}

async function stopAtStart(robot: Robot, random: Random): Promise<Ending> {
  robot.systemctl('stop', UNIT);
  robot.systemctl('start', '--no-block', UNIT);
  await robot.bench.lab.until(() => robot.bench.pid > 0, START_WITHIN_MS);
  await new Promise((resolve) => setTimeout(resolve, random.between(0, START_TAKES_MS)));
  robot.systemctl('stop', UNIT);
  const { Result: result } = robot.properties('Result');
  robot.systemctl('start', UNIT);
  if (result !== 'success') throw new Error(`the stop was, to systemd, ${result}`);
  return robot.ending();
}

/** Installs the other version of the package over the running one, alternately newer and older. */
async function upgrade(robot: Robot): Promise<Ending> {
  const { version } = await robot.bench.status(() => true);
  const { pid } = robot.bench;
  robot.installPackage(version === '1.0.0' ? 1 : 0);
  await robot.bench.restartedAfter(pid);
  const next = await robot.bench.status(() => true);
  if (next.version === version) throw new Error(`${version} still runs`);
  return robot.ending();
}

async function restarts(robot: Robot, more: number): Promise<void> {
  const count = () => Number(robot.properties('NRestarts').NRestarts);
  const before = count();
  await robot.bench.lab.until(() => count() >= before + more, 60_000);
}
