// Connects to the guard if a configured command moves the robot. Without a guard, motions are refused and a problem is raised.
import { type Commands, GuardLink, guardSocket, type MotionGuard, NO_MOTION } from '../../commands/index.ts';
import type { Config } from '../../config/index.ts';
import type { Problems } from '../../status/index.ts';

export interface GuardParts {
  readonly config: Config;
  readonly problems: Problems;
  readonly commands: () => Commands;
}

/** @returns the guard for the commands, and how to disconnect from it. */
export function startGuard({ config, problems, commands }: GuardParts): { readonly guard: MotionGuard; stop(): void } {
  const moves = Object.entries(config.commands).filter(([, { motion }]) => motion);
  if (moves.length === 0) return { guard: NO_MOTION, stop: () => {} };
  const names = moves.map(([name]) => name).join(', ');
  const guard = new GuardLink({
    path: guardSocket(config.state_dir),
    onTrip: (why) => commands().halt(why),
    onChange: (isConnected) => {
      if (isConnected) problems.clear('guard_missing');
      else problems.raise('guard_missing', `${names}: nothing answers at ${guardSocket(config.state_dir)}`);
    },
  });
  guard.start();
  return { guard, stop: () => guard.stop() };
}
