// Merges the layers of a configuration, and finds the origin of each value. From lowest to highest, the layers are the default file, the
// given file and the environment.
import { dirname, isAbsolute, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { AgentError } from '../errors.ts';
import { withDefinedScale } from './battery.ts';
import { configSchema } from './schema.ts';
import { placeOf, readSource, type Source } from './source.ts';
import { isTree, leaves, merge, type Path, setAt, type Tree, valueAt } from './tree.ts';

export const DEFAULT_FILE = fileURLToPath(new URL('../../config/default.yaml', import.meta.url));

/** Environment variables that override the files (docs/reference/protocol.md, Inherited interface). */
const ENVIRONMENT = {
  AWS_IOT_ENDPOINT: ['mqtt', 'endpoint'],
  AWS_ROOT_CA: ['mqtt', 'root_ca'],
  AWS_CERT_FILE: ['mqtt', 'cert_file'],
  AWS_PRIVATE_KEY: ['mqtt', 'private_key'],
} as const;

/** Keys whose values are paths. A relative path is resolved against the directory of the configuration file that contains it. */
const PATHS = [
  ['state_dir'],
  ['mqtt', 'root_ca'],
  ['mqtt', 'cert_file'],
  ['mqtt', 'private_key'],
  ['provisioning', 'claim_cert'],
  ['provisioning', 'claim_key'],
] as const;

let defaults: Source | undefined;

/** The default file belongs to this version of the program, so it is read once, even if an upgrade replaces it. */
function defaultSource(): Source {
  defaults ??= readSource(DEFAULT_FILE);
  return defaults;
}

export interface Layers {
  /** The files, highest layer first. */
  readonly sources: readonly Source[];
  readonly merged: Tree;
}

/** @param onSyntaxError receives the syntax errors of the given file. All other errors are thrown. */
export function layersOf(file: string | undefined, environment: NodeJS.ProcessEnv, onSyntaxError?: (error: AgentError) => void): Layers {
  const sources = [defaultSource(), ...(file === undefined ? [] : [readSource(resolve(file), onSyntaxError)])];
  const merged = sources.reduce<Tree>((below, source) => {
    const above = absolutePaths(source);
    return merge(withDefinedScale(below, above), above);
  }, {});
  for (const [name, path] of Object.entries(ENVIRONMENT)) {
    const value = environment[name];
    if (value) setAt(merged, path, path[1] === 'endpoint' ? value : resolve(value));
  }
  return { sources: sources.reverse(), merged };
}

function absolutePaths({ name, document }: Source): Tree {
  const parsed: unknown = document.toJS();
  const tree = isTree(parsed) ? parsed : {};
  for (const path of PATHS) {
    const value = valueAt(tree, path);
    if (typeof value === 'string' && value !== '' && !isAbsolute(value)) {
      setAt(tree, path, resolve(dirname(name), value));
    }
  }
  return tree;
}

export interface EffectiveValue {
  /** Path of the key, such as `channels.gas.topic`. */
  readonly key: string;
  readonly value: unknown;
  /** `default`, `FILE:LINE:COLUMN`, the name of the environment variable, or `schema` for a default inside a channel, camera, command or the reflex. */
  readonly from: string;
}

/**
 * Lists every value with its origin, for `config show`. If the configuration is valid, the list includes the defaults inside channels,
 * commands, cameras and the reflex.
 * @throws AgentError CONFIG_NOT_FOUND, CONFIG_SYNTAX
 */
export function effectiveConfig(file: string | undefined, environment: NodeJS.ProcessEnv): EffectiveValue[] {
  const { sources, merged } = layersOf(file, environment);
  const given = leaves(merged, []).map(([path, value]) => {
    const place = placeOf(path, sources);
    const from = variableOf(path, environment) ?? (place.startsWith(`${DEFAULT_FILE}:`) ? 'default' : place);
    return { key: path.join('.'), value, from };
  });
  const values = [...given, ...schemaDefaults(merged, given)];
  const entryOf = ({ key }: EffectiveValue) => key.split('.').slice(0, 2).join('.');
  const order = [...new Set(values.map(entryOf))];
  return values.sort((a, b) => order.indexOf(entryOf(a)) - order.indexOf(entryOf(b)));
}

/** Lists defaults from the schema, in milliseconds and bytes. Empty if the configuration is invalid: only validation fills them in. */
function schemaDefaults(merged: Tree, given: readonly EffectiveValue[]): EffectiveValue[] {
  const parsed = configSchema.safeParse(merged).data;
  if (!parsed) return [];
  // If a value is given in short form, such as the name of a QoS profile, do not list the keys that it expands to.
  const listed = new Set(given.map(({ key }) => key));
  const isListed = (path: readonly string[]) => path.some((_, i) => listed.has(path.slice(0, i + 1).join('.')));
  return leaves(parsed as Tree, [])
    .filter(([path, value]) => value !== undefined && !isListed(path))
    .map(([path, value]) => ({ key: path.join('.'), value, from: 'schema' }));
}

/** Returns the name of the environment variable that sets this value, if any. */
function variableOf(path: Path, environment: NodeJS.ProcessEnv): string | undefined {
  return Object.entries(ENVIRONMENT).find(([name, given]) => environment[name] && given.join('.') === path.join('.'))?.[0];
}
