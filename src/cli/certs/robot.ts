// Helpers that all `certs` commands share: the robot that a configuration describes, its lock, and requests to its agent.
import { existsSync, statSync } from 'node:fs';
import { type Clock, systemClock } from '../../clock/index.ts';
import { type Config, endpointOf, loadConfig } from '../../config/index.ts';
import { AgentError } from '../../errors.ts';
import { isIotCoreHost, Slots } from '../../identity/index.ts';
import { lastKnownWallMs, lockStateDir } from '../../state/index.ts';
import { loadSalvaged } from '../shared.ts';

export interface Robot {
  readonly config: Config;
  readonly isIotCore: boolean;
  readonly slots: Slots;
  readonly clock: Clock;
}

/** Loads the robot for commands that change its identity. @throws AgentError if the configuration is invalid; invalid channels are ignored. */
export function loadRobot(file: string | undefined): Robot {
  return robotWith(loadConfig(file, process.env, { leaveOut: true }).config);
}

/** Loads the robot for commands that only inspect its identity. */
export function loadRobotToInspect(file: string | undefined): Robot {
  return robotWith(loadSalvaged(file, ['thing', 'state_dir', 'mqtt']));
}

function robotWith(config: Config): Robot {
  return {
    config,
    isIotCore: isIotCoreHost(endpointOf(config.mqtt.endpoint).host),
    slots: new Slots(config.state_dir),
    clock: systemClock(lastKnownWallMs(config.state_dir)),
  };
}

/** Whether the configuration names certificate files, so that the agent ignores the slots. */
export function hasOwnPaths({ config }: Robot): boolean {
  return config.mqtt.cert_file !== null;
}

export function warnOwnPaths(robot: Robot): void {
  if (!hasOwnPaths(robot)) return;
  process.stderr.write(
    'elderly-bot: mqtt.cert_file is set, so the agent continues to use that file; remove it and mqtt.private_key to use the new identity\n',
  );
}

/**
 * Runs work while no other `certs` command of this robot runs. If root runs the command, the process first switches to the owner of the
 * state directory, because the agent could not read root's files. @throws AgentError STATE_DIR_UNWRITABLE, CERTS_BUSY
 */
export async function withCertsLock<T>({ config }: Robot, work: () => Promise<T>): Promise<T> {
  if (process.getuid?.() === 0 && existsSync(config.state_dir)) {
    const { uid, gid } = statSync(config.state_dir);
    process.setegid?.(gid);
    process.seteuid?.(uid);
  }
  return withLock(lockStateDir(config.state_dir, 'certs'), work);
}

/** Runs work that connects under the thing's name. @throws AgentError STATE_DIR_LOCKED if an agent runs, because it uses this name. */
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

/** @returns the agent's answer; undefined if no agent runs. */
export async function askIfRunning<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof AgentError && error.code === 'AGENT_NOT_RUNNING') return undefined;
    throw error;
  }
}
