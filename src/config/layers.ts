// What a configuration is made of, lowest first: the default file, the given one, the environment.
import { dirname, isAbsolute, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { AgentError } from '../errors.ts';
import { readSource, type Source } from './source.ts';
import { isTree, merge, type Path, setAt, type Tree, valueAt } from './tree.ts';

export const DEFAULT_FILE = fileURLToPath(new URL('../../config/default.yaml', import.meta.url));

/** Names given by the system's specification; a value in the environment wins over the file. */
const ENVIRONMENT = {
  AWS_IOT_ENDPOINT: ['mqtt', 'endpoint'],
  AWS_ROOT_CA: ['mqtt', 'root_ca'],
  AWS_CERT_FILE: ['mqtt', 'cert_file'],
  AWS_PRIVATE_KEY: ['mqtt', 'private_key'],
} as const;

/** Keys that hold a path: relative ones are relative to the file that gives them. */
const PATHS = [
  ['state_dir'],
  ['mqtt', 'root_ca'],
  ['mqtt', 'cert_file'],
  ['mqtt', 'private_key'],
  ['provisioning', 'claim_cert'],
  ['provisioning', 'claim_key'],
] as const;

export interface Layers {
  /** Uppermost first. */
  readonly sources: readonly Source[];
  readonly merged: Tree;
}

/** The default file, the given one above it, the environment on top. @param wrong as `readSource` has it. */
export function layersOf(file: string | undefined, environment: NodeJS.ProcessEnv, wrong?: (error: AgentError) => void): Layers {
  const sources = [readSource(DEFAULT_FILE), ...(file === undefined ? [] : [readSource(resolve(file), wrong)])];
  const merged = sources.reduce<Tree>((below, source) => merge(below, absolutePaths(source)), {});
  for (const [name, path] of Object.entries(ENVIRONMENT)) {
    const value = environment[name];
    if (value) setAt(merged, path, path[1] === 'endpoint' ? value : resolve(value));
  }
  return { sources: sources.reverse(), merged };
}

/** The environment's variable that gives this value, where one does. */
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
