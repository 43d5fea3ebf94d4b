// Loads a configuration: merges the files and the environment, resolves ROS names, and refuses or leaves out invalid entries. One invalid
// channel or camera must not stop all others from working, so the agent leaves it out.
import { stringify } from 'yaml';
import { AgentError } from '../errors.ts';
import { isNameOf } from '../wire/index.ts';
import { explain } from './explain.ts';
import { DEFAULT_FILE, layersOf } from './layers.ts';
import { withRosNames } from './names.ts';
import type { Remap } from './ros.ts';
import { type Config, configSchema } from './schema.ts';
import { placeOf, type Source } from './source.ts';
import { isTree, setAt, type Tree, valueAt } from './tree.ts';

interface LeftOut {
  readonly section: 'channels' | 'cameras' | 'commands' | 'uploads';
  /** The key in the section. */
  readonly name: string;
  readonly text: string;
  /** Whether the entry is a channel that is probably meant as an alert: its class is not telemetry, or cannot be told. */
  readonly isAlert: boolean;
}

export interface LoadedConfig {
  /** The topics, node name and namespace in it are final: `ros.remap` has already been applied. */
  readonly config: Config;
  /** Returns a key's position as `file:line:column`, for messages about values that turn out to be wrong at run time. */
  readonly place: (path: readonly string[]) => string;
  /** Returns which file sets a key: the given one or the default one. Undefined if neither does, for example if it is a schema default. */
  readonly origin: (path: readonly string[]) => 'file' | 'default' | undefined;
  /** Returns the default file's value of a key, which the given file may have replaced. Undefined if it has none. */
  readonly defaultOf: (path: readonly string[]) => unknown;
  /** The invalid entries that have been left out, each with its fault. */
  readonly off: readonly LeftOut[];
  /** Returns the merged layers as YAML that can be loaded again. It contains the paths of private keys, but not the keys themselves. */
  readonly text: () => string;
}

export interface LoadOptions {
  /**
   * Whether to leave out invalid channels, cameras and uploads.api, and commands with conditions on them or an invalid pattern, instead of
   * refusing the configuration.
   */
  readonly leaveOut?: boolean;
  /** Remapping rules from the command line, which take precedence over `ros.remap`. */
  readonly remap?: Remap | undefined;
}

/**
 * Loads a configuration file on top of the default file.
 * @throws AgentError CONFIG_NOT_FOUND, CONFIG_SYNTAX or CONFIG_INVALID, with one line per fault in the message
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
  throw new AgentError('CONFIG_INVALID', lines, { remedy: 'config/default.yaml explains every key' });
}

export function loadedOf(config: Config, sources: readonly Source[], merged: Tree, off: readonly LeftOut[]): LoadedConfig {
  return {
    config: withRosNames(config),
    place: (path) => placeOf(path, sources),
    origin: (path) => {
      const source = sources.find(({ document }) => document.hasIn(path));
      return source && (source.name === DEFAULT_FILE ? 'default' : 'file');
    },
    defaultOf: (path) => sources.find(({ name }) => name === DEFAULT_FILE)?.document.getIn(path),
    off,
    text: () => stringify(merged),
  };
}

/**
 * Removes invalid channels and cameras from `merged`, then the commands whose conditions refer to a removed channel, or whose pattern is
 * invalid. An API that earlier versions accepted, but that is not encrypted, must not stop the robot from watching.
 */
function leaveOutInvalid(merged: Tree, sources: readonly Source[]): LeftOut[] {
  const uploads = removeInvalid(merged, 'uploads', sources);
  const channels = removeInvalid(merged, 'channels', sources);
  forgetInReflex(
    merged,
    channels.map(({ name }) => name),
  );
  const cameras = removeInvalid(merged, 'cameras', sources);
  return [...uploads, ...channels, ...cameras, ...removeInvalid(merged, 'commands', sources)];
}

/** Faults for which an entry of a section is removed. Any other fault of the section is refused. */
const REMOVABLE: Readonly<Record<LeftOut['section'], (path: readonly PropertyKey[]) => boolean>> = {
  channels: () => true,
  cameras: () => true,
  commands: (path) => path[2] === 'when' || path.at(-1) === 'pattern',
  uploads: (path) => path[1] === 'api',
};

/** Removes a section's invalid entries, and resets an invalid key with a default. */
function removeInvalid(merged: Tree, section: LeftOut['section'], sources: readonly Source[]): LeftOut[] {
  const issues = (configSchema.safeParse(merged).error?.issues ?? []).filter(
    ({ path }) => path[0] === section && path.length > 1 && REMOVABLE[section](path),
  );
  const texts = new Map<string, string[]>();
  for (const issue of issues) {
    const name = String(issue.path[1]);
    texts.set(name, [...(texts.get(name) ?? []), ...explain(issue, sources, merged)]);
  }
  const entries = merged[section];
  const leftOut = [...texts].map(([name, lines]): LeftOut => {
    const entry = valueAt(merged, [section, name]);
    return { section, name, text: lines.join('; '), isAlert: section === 'channels' && mayBeAlert(entry) };
  });
  if (isTree(entries)) {
    for (const name of texts.keys()) {
      if (section === 'uploads') entries[name] = null;
      else delete entries[name];
    }
  }
  return leftOut;
}

/** A reflex that names a channel with a fault still works for the others. If it names no other, it watches all alerts. */
function forgetInReflex(merged: Tree, removed: readonly string[]): void {
  const names = valueAt(merged, ['reflex', 'channels']);
  if (!Array.isArray(names)) return;
  const left = names.filter((name) => !isNameOf(String(name), (channel) => removed.includes(channel)));
  setAt(merged, ['reflex', 'channels'], left.length > 0 ? left : 'all');
}

/** A channel without a class is telemetry. A misspelt class, or an entry that is not a mapping, may have been meant as an alert. */
function mayBeAlert(entry: unknown): boolean {
  return !isTree(entry) || (entry.class !== undefined && entry.class !== 'telemetry');
}
