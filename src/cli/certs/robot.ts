// Helpers shared by the `certs` commands: load the robot that a configuration describes, lock its identity, and query its agent.
import { type Clock, systemClock } from '../../clock/index.ts';
import { type Config, endpointOf, loadConfig } from '../../config/index.ts';
import { AgentError } from '../../errors.ts';
import { isIotCoreHost, Slots } from '../../identity/index.ts';
import { lastKnownWallMs, lockStateDir } from '../../state/index.ts';
import { actAsOwner, loadSalvaged, remark } from '../shared.ts';

export interface Robot {
  readonly config: Config;
  readonly isIotCore: boolean;
  readonly slots: Slots;
  readonly clock: Clock;
}

/** For commands that change the identity. @throws AgentError if the configuration is invalid, except for invalid channels */
export async function loadRobot(file: string | undefined): Promise<Robot> {
  return robotWith(loadConfig(file, process.env, { leaveOut: true }).config);
}

/** For commands that only read the identity. In the configuration, only thing, state_dir and mqtt must be valid. */
export async function loadRobotToInspect(file: string | undefined): Promise<Robot> {
  return robotWith(loadSalvaged(file, ['thing', 'state_dir', 'mqtt']));
}

async function robotWith(config: Config): Promise<Robot> {
  const clock = systemClock(lastKnownWallMs(config.state_dir));
  await clock.ask();
  return {
    config,
    isIotCore: isIotCoreHost(endpointOf(config.mqtt.endpoint).host),
    slots: new Slots(config.state_dir),
    clock,
  };
}

/** Whether the configuration names certificate files (mqtt.cert_file). If so, the agent ignores the slots. */
export function hasOwnPaths({ config }: Robot): boolean {
  return config.mqtt.cert_file !== null;
}

export function warnOwnPaths(robot: Robot): void {
  if (!hasOwnPaths(robot)) return;
  remark('mqtt.cert_file is set, so the agent continues to use that file; remove it and mqtt.private_key to use the new identity');
}

/**
 * Runs `work` while holding the lock that keeps other `certs` commands out. If this process runs as root, it first switches to the
 * state directory's owner (seteuid), because the agent could not read key files owned by root.
 * @throws AgentError STATE_DIR_UNWRITABLE, CERTS_BUSY
 */
export async function withCertsLock<T>({ config }: Pick<Robot, 'config'>, work: () => Promise<T>): Promise<T> {
  actAsOwner(config.state_dir);
  return withLock(lockStateDir(config.state_dir, 'certs'), work);
}

/**
 * Runs `work` while holding the agent's lock. Required for work that connects as the thing, because the broker allows only one connection
 * per client id. @throws AgentError STATE_DIR_LOCKED if an agent is running
 */
export function withoutAgent<T>({ config }: Robot, work: () => Promise<T>): Promise<T> {
  return withLock(lockStateDir(config.state_dir), work);
}

async function withLock<T>(lock: ReturnType<typeof lockStateDir>, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } finally {
    lock.release();
  }
}

/** @returns the agent's answer, or undefined if no agent is running. */
export async function askIfRunning<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof AgentError && error.code === 'AGENT_NOT_RUNNING') return undefined;
    throw error;
  }
}
