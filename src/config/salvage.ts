// Reads as much as possible of an invalid configuration, for commands that only inspect a running agent or stop its robot. The agent
// itself keeps the last valid configuration.
import { AgentError } from '../errors.ts';
import { DEFAULT_FILE, layersOf } from './layers.ts';
import { type LoadedConfig, type LoadOptions, loadConfig, loadedOf } from './load.ts';
import { configSchema } from './schema.ts';
import { readSource } from './source.ts';
import { deleteAt, isTree, setAt, type Tree, valueAt } from './tree.ts';

export interface SalvagedConfig extends LoadedConfig {
  /** The error with which the agent would refuse the configuration. Undefined if only entries in `off` are invalid. */
  readonly invalid: AgentError | undefined;
  /** Keys with an invalid value that was replaced by the default or removed. */
  readonly repaired: readonly string[];
}

/** Sections whose invalid entries are removed as a whole. */
const ENTRIES: ReadonlySet<PropertyKey> = new Set(['channels', 'cameras', 'commands']);

/** A repair can reveal other faults, which the next round repairs. */
const ROUNDS = 5;

/** @throws AgentError CONFIG_NOT_FOUND, or the first error if no valid configuration remains. */
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

/** Removes an invalid entry. Replaces any other invalid value, or its nearest parent with a default, by the default. */
function repair(merged: Tree, path: readonly PropertyKey[], defaults: Tree): void {
  const keys = path.map(String);
  const [first = ''] = keys;
  const isEntry = ENTRIES.has(first) && keys.length > 1 && isTree(merged[first]);
  const known = keys.map((_, i) => keys.slice(0, keys.length - i)).find((parent) => valueAt(defaults, parent) !== undefined);
  if (isEntry || known === undefined) deleteAt(merged, isEntry ? keys.slice(0, 2) : keys);
  else setAt(merged, known, structuredClone(valueAt(defaults, known)));
}
