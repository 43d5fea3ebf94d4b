// One wrong channel or camera must not keep the robot from watching with all the others: wrong entries are taken out, each with why.
import { explain } from './explain.ts';
import { config as configSchema } from './schema.ts';
import type { Source } from './source.ts';
import { isTree, type Tree } from './tree.ts';

export interface LeftOut {
  readonly of: 'channels' | 'cameras' | 'commands';
  readonly name: string;
  readonly text: string;
}

/** Takes them out of `merged`: channels and cameras, then the commands whose conditions need a channel that is gone. */
export function leaveOutWrong(merged: Tree, sources: readonly Source[]): LeftOut[] {
  const channels = wrongOf(merged, 'channels', sources);
  const cameras = wrongOf(merged, 'cameras', sources);
  return [...channels, ...cameras, ...(channels.length > 0 ? wrongOf(merged, 'commands', sources) : [])];
}

/**
 * Takes wrong entries of `channels` or `cameras` out of `merged`, or of `commands` those whose conditions are on a channel that was taken out.
 * @returns what was taken out, and why.
 */
function wrongOf(merged: Tree, map: LeftOut['of'], sources: readonly Source[]): LeftOut[] {
  const issues = configSchema.safeParse(merged).error?.issues ?? [];
  const ours = issues.filter(({ path }) => path[0] === map && path.length > 1 && (map !== 'commands' || path[2] === 'when'));
  const names = [...new Set(ours.map(({ path }) => String(path[1])))];
  const found = names.map((name) => ({
    of: map,
    name,
    text: ours
      .filter(({ path }) => String(path[1]) === name)
      .flatMap((issue) => explain(issue, sources, merged))
      .join('; '),
  }));
  const entries = merged[map];
  if (isTree(entries)) for (const name of names) delete entries[name];
  return found;
}
