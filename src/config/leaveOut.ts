// Removes invalid channels and cameras, each with its reason: one invalid entry must not stop the robot from watching with the others.
import { explain } from './explain.ts';
import { config as configSchema } from './schema.ts';
import type { Source } from './source.ts';
import { isTree, type Tree } from './tree.ts';

export interface LeftOut {
  readonly section: 'channels' | 'cameras' | 'commands';
  readonly name: string;
  readonly text: string;
}

/** Removes from `merged`: invalid channels and cameras, then the commands whose conditions need a removed channel. */
export function leaveOutInvalid(merged: Tree, sources: readonly Source[]): LeftOut[] {
  const channels = leaveOut(merged, 'channels', sources);
  const cameras = leaveOut(merged, 'cameras', sources);
  return [...channels, ...cameras, ...(channels.length > 0 ? leaveOut(merged, 'commands', sources) : [])];
}

/**
 * Removes invalid entries of one section. In `commands`, only a condition on a removed channel counts.
 * @returns the removed entries with their reasons.
 */
function leaveOut(merged: Tree, section: LeftOut['section'], sources: readonly Source[]): LeftOut[] {
  const issues = configSchema.safeParse(merged).error?.issues ?? [];
  const ours = issues.filter(({ path }) => path[0] === section && path.length > 1 && (section !== 'commands' || path[2] === 'when'));
  const names = [...new Set(ours.map(({ path }) => String(path[1])))];
  const found = names.map((name) => ({
    section,
    name,
    text: ours
      .filter(({ path }) => String(path[1]) === name)
      .flatMap((issue) => explain(issue, sources, merged))
      .join('; '),
  }));
  const entries = merged[section];
  if (isTree(entries)) for (const name of names) delete entries[name];
  return found;
}
