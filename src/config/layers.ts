// The layers of a configuration, lowest first: the default file, the given file, the environment.
import { dirname, isAbsolute, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { AgentError } from '../errors.ts';
import { readSource, type Source } from './source.ts';
import { isTree, merge, type Path, setAt, type Tree, valueAt } from './tree.ts';

export const DEFAULT_FILE = fileURLToPath(new URL('../../config/default.yaml', import.meta.url));

/** Names from docs/reference/protocol.md (Inherited interface). A value in the environment overrides the file. */
const ENVIRONMENT = {
  AWS_IOT_ENDPOINT: ['mqtt', 'endpoint'],
  AWS_ROOT_CA: ['mqtt', 'root_ca'],
  AWS_CERT_FILE: ['mqtt', 'cert_file'],
  AWS_PRIVATE_KEY: ['mqtt', 'private_key'],
} as const;

/** Keys that hold a path. A relative path is resolved against the folder of its file. */
const PATHS = [
  ['state_dir'],
  ['mqtt', 'root_ca'],
  ['mqtt', 'cert_file'],
  ['mqtt', 'private_key'],
  ['provisioning', 'claim_cert'],
  ['provisioning', 'claim_key'],
] as const;

export interface Layers {
  /** Highest layer first. */
  readonly sources: readonly Source[];
  readonly merged: Tree;
}

/** The default file, the given file above it, the environment on top. @param onSyntaxError as in `readSource` */
export function layersOf(file: string | undefined, environment: NodeJS.ProcessEnv, onSyntaxError?: (error: AgentError) => void): Layers {
  const sources = [readSource(DEFAULT_FILE), ...(file === undefined ? [] : [readSource(resolve(file), onSyntaxError)])];
  const merged = sources.reduce<Tree>((below, source) => merge(below, absolutePaths(source)), {});
  for (const [name, path] of Object.entries(ENVIRONMENT)) {
    const value = environment[name];
    if (value) setAt(merged, path, path[1] === 'endpoint' ? value : resolve(value));
  }
  return { sources: sources.reverse(), merged };
}

/** The environment variable that sets this value, if one does. */
export function variableOf(path: Path, environment: NodeJS.ProcessEnv): string | undefined {
  return Object.entries(ENVIRONMENT).find(([name, given]) => environment[name] && given.join('.') === path.join('.'))?.[0];
}

function absolutePaths(source: Source): Tree {
  const tree = treeOf(source);
  for (const path of PATHS) {
    const value = valueAt(tree, path);
    if (typeof value === 'string' && value !== '' && !isAbsolute(value)) {
      setAt(tree, path, resolve(dirname(source.name), value));
    }
  }
  return tree;
}

function treeOf({ document }: Source): Tree {
  const tree: unknown = document.toJS();
  return isTree(tree) ? tree : {};
}
