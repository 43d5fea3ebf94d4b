// What every `certs` command works on: the robot its configuration describes, and the time.
import { existsSync, statSync } from 'node:fs';
import { type Clock, systemClock } from '../../clock/index.ts';
import { type Config, type Endpoint, endpointOf, loadConfig } from '../../config/index.ts';
import { isIotCoreHost, Slots } from '../../identity/index.ts';
import { lastKnownWallMs, lockStateDir } from '../../state/index.ts';
import { salvaged } from '../salvaged.ts';

export interface Robot {
  readonly config: Config;
  readonly endpoint: Endpoint;
  readonly isIotCore: boolean;
  readonly slots: Slots;
  readonly clock: Clock;
}

/** @throws AgentError where the configuration is wrong; wrong channels don't matter here. */
export function robotOf(file: string | undefined): Robot {
  return robotWith(loadConfig(file, process.env, { leaveOut: true }).config);
}

/** For who only looks. */
export function robotSeen(file: string | undefined): Robot {
  return robotWith(salvaged(file, ['thing', 'state_dir', 'mqtt']));
}

function robotWith(config: Config): Robot {
  const endpoint = endpointOf(config.mqtt.endpoint);
  return {
    config,
    endpoint,
    isIotCore: isIotCoreHost(endpoint.host),
    slots: new Slots(config.state_dir),
    clock: systemClock(lastKnownWallMs(config.state_dir)),
  };
}

/** Whether the configuration has paths of its own, so that the slots are not looked at. */
export function hasOwnPaths({ config }: Robot): boolean {
  return config.mqtt.cert_file !== null;
}

export const OWN_PATHS_NOTE = 'mqtt.cert_file is set, so the agent goes on using that file; take it and mqtt.private_key out to use this';

/**
 * Alone among the `certs` commands of this robot. Root's work is done as the user the state directory belongs to, or the agent could
 * not read what it is to use. @throws AgentError STATE_DIR_UNWRITABLE, CERTS_BUSY
 */
export async function changing<T>({ config }: Robot, work: () => Promise<T>): Promise<T> {
  if (process.getuid?.() === 0 && existsSync(config.state_dir)) {
    const { uid, gid } = statSync(config.state_dir);
    process.setegid?.(gid);
    process.seteuid?.(uid);
  }
  const lock = lockStateDir(config.state_dir, 'certs');
  try {
    return await work();
  } finally {
    lock.release();
  }
}
