// Loads a configuration: merges files and environment, resolves ROS names, and refuses or leaves out invalid entries.
import { stringify } from 'yaml';
import { AgentError } from '../errors.ts';
import { explain } from './explain.ts';
import { layersOf } from './layers.ts';
import { type LeftOut, leaveOutInvalid } from './leaveOut.ts';
import { withRosNames } from './names.ts';
import type { Remap } from './ros.ts';
import { type Config, config as configSchema } from './schema.ts';
import { placeOf, type Source } from './source.ts';
import { isTree, setAt, type Tree, valueAt } from './tree.ts';

export interface LoadedConfig {
  /** Topics, node name and namespace are final: `ros.remap` is applied. */
  readonly config: Config;
  /** `file:line:column` of a key, for messages about a value that turns out wrong at run time. */
  readonly place: (path: readonly string[]) => string;
  /** Invalid entries that were left out, each with its reason. */
  readonly off: readonly LeftOut[];
  /** The merged layers as YAML that can be loaded again. It names key files and contains no keys. */
  readonly text: () => string;
}

export interface LoadOptions {
  /** Leave out invalid channels and cameras, and the commands whose conditions need them, instead of refusing the file. */
  readonly leaveOut?: boolean;
  /** Remapping rules from the command line. They take precedence over `ros.remap`. */
  readonly remap?: Remap | undefined;
}

/**
 * Loads a configuration file on top of the default file.
 * @throws AgentError CONFIG_NOT_FOUND, CONFIG_SYNTAX or CONFIG_INVALID; its message has one line per fault.
 */
export function loadConfig(
  file: string | undefined,
  environment: NodeJS.ProcessEnv,
  { leaveOut = false, remap = {} }: LoadOptions = {},
): LoadedConfig {
  const { sources, merged } = layersOf(file, environment);
  const rules = valueAt(merged, ['ros', 'remap']);
  if (isTree(rules)) setAt(merged, ['ros', 'remap'], { ...remap, ...rules, ...remap });
  const off = leaveOut ? leaveOutInvalid(merged, sources) : [];
  const parsed = configSchema.safeParse(merged);
  if (parsed.success) return loadedOf(parsed.data, sources, merged, off);
  const lines = [...off.map(({ text }) => text), ...parsed.error.issues.flatMap((issue) => explain(issue, sources, merged))];
  throw new AgentError('CONFIG_INVALID', lines.join('\n'), { remedy: 'config/default.yaml explains every key' });
}

export function loadedOf(config: Config, sources: readonly Source[], merged: Tree, off: readonly LeftOut[]): LoadedConfig {
  return { config: withRosNames(config), place: (path) => placeOf(path, sources), off, text: () => stringify(merged) };
}
