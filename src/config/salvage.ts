// What can be read of a configuration that is wrong, for those who only look at an agent that runs, or stop its robot: the agent
// itself goes on with what it read when it was still good.
import { AgentError } from '../errors.ts';
import { DEFAULT_FILE, layersOf } from './layers.ts';
import { type LoadedConfig, type LoadOptions, loadConfig, loadedOf } from './load.ts';
import { config as configSchema } from './schema.ts';
import { readSource } from './source.ts';
import { deleteAt, isTree, setAt, type Tree, valueAt } from './tree.ts';

export interface SalvagedConfig extends LoadedConfig {
  /** Why the configuration would be refused; undefined where it is good, but for entries that the agent leaves out too (`off`). */
  readonly wrong: AgentError | undefined;
  /** Keys whose value was wrong, and is the default now, or gone. */
  readonly mended: readonly string[];
}

/** Maps of which a wrong entry is taken out as a whole. */
const ENTRIES: ReadonlySet<PropertyKey> = new Set(['channels', 'cameras', 'commands']);

/** Each round mends what the round before brought to light. */
const ROUNDS = 5;

/** @throws AgentError CONFIG_NOT_FOUND, and where nothing can be made of the rest. */
export function salvageConfig(file: string | undefined, environment: NodeJS.ProcessEnv, options: LoadOptions = {}): SalvagedConfig {
  try {
    return { ...loadConfig(file, environment, { ...options, leaveOut: true }), wrong: undefined, mended: [] };
  } catch (error) {
    if (!(error instanceof AgentError) || error.code === 'CONFIG_NOT_FOUND') throw error;
    const { sources, merged } = layersOf(file, environment, () => {});
    const defaults = readSource(DEFAULT_FILE).document.toJS() as Tree;
    const mended: string[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      const parsed = configSchema.safeParse(merged);
      if (parsed.success) return { ...loadedOf(parsed.data, sources, merged, []), wrong: error, mended };
      for (const issue of parsed.error.issues) {
        mended.push(issue.path.join('.'));
        if (issue.code === 'unrecognized_keys') for (const key of issue.keys) deleteAt(merged, [...issue.path, key]);
        else mend(merged, issue.path, defaults);
      }
    }
    throw error;
  }
}

/** A wrong entry goes; a wrong value becomes the default, as does the nearest that has one above it. */
function mend(merged: Tree, path: readonly PropertyKey[], defaults: Tree): void {
  const keys = path.map(String);
  const [first = ''] = keys;
  const isEntry = ENTRIES.has(first) && keys.length > 1 && isTree(merged[first]);
  const known = keys.map((_, i) => keys.slice(0, keys.length - i)).find((each) => valueAt(defaults, each) !== undefined);
  if (isEntry || known === undefined) deleteAt(merged, isEntry ? keys.slice(0, 2) : keys);
  else setAt(merged, known, structuredClone(valueAt(defaults, known)));
}
