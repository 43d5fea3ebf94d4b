// Reads as much as possible of an invalid configuration, for commands that only inspect a running agent or stop its robot. The agent itself
// keeps its last valid configuration.
import { AgentError } from '../errors.ts';
import { DEFAULT_FILE, layersOf } from './layers.ts';
import { type LoadedConfig, type LoadOptions, loadConfig, loadedOf } from './load.ts';
import { configSchema } from './schema.ts';
import { readSource } from './source.ts';
import { deleteAt, isTree, setAt, type Tree, valueAt } from './tree.ts';

export interface SalvagedConfig extends LoadedConfig {
  /** The error for which the agent would refuse this configuration; undefined if at most the entries in `off` are invalid. */
  readonly invalid: AgentError | undefined;
  /** The keys whose invalid values were replaced with the default, or removed. */
  readonly repaired: readonly string[];
}

/** Sections in which an entry with a fault is removed as a whole. */
const ENTRIES: ReadonlySet<PropertyKey> = new Set(['channels', 'cameras', 'commands']);

/** Maximum number of repair rounds. One may not be enough, because validation can find more faults once others have been repaired. */
const ROUNDS = 5;

/** @throws AgentError CONFIG_NOT_FOUND, or the error of `loadConfig` if the configuration can't be repaired */
export function salvageConfig(file: string | undefined, environment: NodeJS.ProcessEnv, options: LoadOptions = {}): SalvagedConfig {
  try {
    return { ...loadConfig(file, environment, { ...options, leaveOut: true }), invalid: undefined, repaired: [] };
  } catch (error) {
    if (!(error instanceof AgentError) || error.code === 'CONFIG_NOT_FOUND') throw error;
    const { sources, merged } = layersOf(file, environment, () => {});
    const defaults = readSource(DEFAULT_FILE).document.toJS() as Tree;
    const repaired: string[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      const parsed = configSchema.safeParse(merged);
      if (parsed.success) return { ...loadedOf(parsed.data, sources, merged, []), invalid: error, repaired };
      for (const issue of parsed.error.issues) {
        repaired.push(issue.path.join('.'));
        if (issue.code === 'unrecognized_keys') for (const key of issue.keys) deleteAt(merged, [...issue.path, key]);
        else repair(merged, issue.path, defaults);
      }
    }
    throw error;
  }
}

/** Removes an invalid channel, camera or command. Resets any other invalid value, or its nearest parent with a default, to that default. */
function repair(merged: Tree, path: readonly PropertyKey[], defaults: Tree): void {
  const keys = path.map(String);
  const [first = ''] = keys;
  const isEntry = ENTRIES.has(first) && keys.length > 1 && isTree(merged[first]);
  const known = keys.map((_, i) => keys.slice(0, keys.length - i)).find((parent) => valueAt(defaults, parent) !== undefined);
  if (isEntry || known === undefined) deleteAt(merged, isEntry ? keys.slice(0, 2) : keys);
  else setAt(merged, known, structuredClone(valueAt(defaults, known)));
}
