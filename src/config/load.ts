// From files and environment to a checked configuration: the layers as one, names as ROS has them in the end, and entries that are
// wrong refused or left out.
import { stringify } from 'yaml';
import { AgentError } from '../errors.ts';
import { explain } from './explain.ts';
import { layersOf } from './layers.ts';
import { type LeftOut, leaveOutWrong } from './leaveOut.ts';
import { withRosNames } from './names.ts';
import type { Remap } from './ros.ts';
import { type Config, config as configSchema } from './schema.ts';
import { placeOf, type Source } from './source.ts';
import { isTree, setAt, type Tree, valueAt } from './tree.ts';

export interface LoadedConfig {
  /** Its topics, node name and namespace are those ROS has in the end, after `ros.remap`. */
  readonly config: Config;
  /** `file:line:column` of a key, for messages about a value that only turned out wrong later. */
  readonly place: (path: readonly string[]) => string;
  /** Entries that are wrong and were left out, each with the lines that say why. */
  readonly off: readonly LeftOut[];
  /** All layers as one, as YAML that can be read again. Files of keys are named in it, keys are not. */
  readonly text: () => string;
}

export interface LoadOptions {
  /** Leave wrong channels and cameras out, and the commands whose conditions need them, in place of refusing the whole. */
  readonly leaveOut?: boolean;
  /** ROS's remapping rules from the command line; they come before those of `ros.remap`. */
  readonly remap?: Remap | undefined;
}

/**
 * Reads a configuration file over the default one.
 * @throws AgentError CONFIG_NOT_FOUND, CONFIG_SYNTAX or CONFIG_INVALID; its message has one line for each thing wrong.
 */
export function loadConfig(
  file: string | undefined,
  environment: NodeJS.ProcessEnv,
  { leaveOut = false, remap = {} }: LoadOptions = {},
): LoadedConfig {
  const { sources, merged } = layersOf(file, environment);
  const rules = valueAt(merged, ['ros', 'remap']);
  if (isTree(rules)) setAt(merged, ['ros', 'remap'], { ...remap, ...rules, ...remap });
  const off = leaveOut ? leaveOutWrong(merged, sources) : [];
  const parsed = configSchema.safeParse(merged);
  if (parsed.success) return loadedOf(parsed.data, sources, merged, off);
  const lines = [...off.map(({ text }) => text), ...parsed.error.issues.flatMap((issue) => explain(issue, sources, merged))];
  throw new AgentError('CONFIG_INVALID', lines.join('\n'), { todo: 'config/default.yaml explains every key' });
}

export function loadedOf(config: Config, sources: readonly Source[], merged: Tree, off: readonly LeftOut[]): LoadedConfig {
  return { config: withRosNames(config), place: (path) => placeOf(path, sources), off, text: () => stringify(merged) };
}
