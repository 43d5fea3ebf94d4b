// Runs the ROS probe (rosProbe.ts) in a process of its own, once for all checks that need its result.
import { fork } from 'node:child_process';
import { resolveDomainId } from '../../ros/index.ts';
import { type DoctorContext, oncePerRobot } from '../context.ts';
import type { ProbeFailure, RosProbe } from './rosProbe.ts';

/** A deadline for checks that wait for the probe. */
export const ROS_WITHIN_MS = 30_000;
const PROBE_WITHIN_MS = 25_000;

/** The probe process ended without sending a result. */
interface Crash {
  readonly crash: string;
}

export const probe = oncePerRobot(({ file, config }): Promise<RosProbe | ProbeFailure | Crash> => {
  const rules = Object.entries(config.ros.remap).flatMap(([from, to]) => ['-r', `${from}:=${to}`]);
  const args = ['doctor', '--ros-probe', ...(file === undefined ? [] : ['--config', file]), '--ros-args', ...rules];
  const child = fork(process.argv[1] ?? '', args, {
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    timeout: PROBE_WITHIN_MS,
    killSignal: 'SIGKILL',
  });
  return new Promise((resolve) => {
    child.once('message', (answer) => resolve(answer as RosProbe | ProbeFailure));
    child.once('error', ({ message }) => resolve({ crash: message }));
    child.once('exit', (code, signal) => {
      if (signal === null) resolve({ crash: `exit code ${code}` });
      else resolve({ crash: child.killed ? `no answer within ${PROBE_WITHIN_MS / 1_000} s` : signal });
    });
  });
});

/** @returns the ROS domain in which the probe looks. */
export function domainOf({ config }: Pick<DoctorContext, 'config'>): number {
  return resolveDomainId(config.ros.domain_id, process.env.ROS_DOMAIN_ID);
}
