// Chooses the state directory for the user who runs the command.
import { isAbsolute, join } from 'node:path';

export interface StateDirOptions {
  /** The default directory, which usually only root may write. */
  readonly usual: string;
  readonly home: string;
  /** The directory of the configuration file. */
  readonly beside: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly isWritable: (directory: string) => boolean;
}

/** @returns the default, the user's own state directory (XDG Base Directory Specification), or as a last resort one beside the file. */
export function stateDirFor({ usual, home, beside, env, isWritable }: StateDirOptions): string {
  const given = env.XDG_STATE_HOME ?? '';
  // The specification says that a relative path has to be ignored.
  const own = join(isAbsolute(given) ? given : join(home, '.local', 'state'), 'elderly-bot');
  return [usual, own].find(isWritable) ?? join(beside, 'elderly-bot-state');
}
