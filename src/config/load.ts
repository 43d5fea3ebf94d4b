// From files and environment to a checked configuration. The default configuration lies beneath, the given file above it,
// the environment on top. An error names file, line, value, what is expected, and the nearest known key.
import { readFileSync } from 'node:fs';
import { dirname, isAbsolute, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Document, isMap, isNode, LineCounter, parseDocument, stringify } from 'yaml';
import type { z } from 'zod';
import { AgentError, codeOf } from '../errors.ts';
import { withRosNames } from './names.ts';
import type { Remap } from './ros.ts';
import { type Config, config as configSchema } from './schema.ts';
import { nearest } from './suggest.ts';

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

type Path = readonly (string | number)[];
type Tree = { [key: string]: unknown };

interface Source {
  readonly name: string;
  readonly lines: LineCounter;
  readonly document: Document;
}

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

export interface LeftOut {
  readonly of: 'channels' | 'cameras' | 'commands';
  readonly name: string;
  readonly text: string;
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
  const { sources, merged } = layers(file, environment);
  const rules = valueAt(merged, ['ros', 'remap']);
  if (isTree(rules)) setAt(merged, ['ros', 'remap'], { ...remap, ...rules, ...remap });
  const uppermostFirst = sources.toReversed();
  const off: LeftOut[] = [];
  // What is left out first, channels, may be what commands are about: so once more, and then no more.
  for (const may of leaveOut ? (['channels', 'cameras', 'commands'] as const) : [])
    off.push(
      ...leaveOutWrong(
        merged,
        may,
        off.some(({ of }) => of === 'channels'),
        uppermostFirst,
      ),
    );
  const parsed = configSchema.safeParse(merged);
  if (parsed.success)
    return { config: withRosNames(parsed.data), place: (path) => place(path, uppermostFirst), off, text: () => stringify(merged) };
  const lines = [...off.map(({ text }) => text), ...parsed.error.issues.flatMap((issue) => explain(issue, uppermostFirst, merged))];
  throw new AgentError('CONFIG_INVALID', lines.join('\n'), { todo: 'config/default.yaml explains every key' });
}

export interface EffectiveValue {
  /** `channels.gas.topic` */
  readonly key: string;
  readonly value: unknown;
  /** `default`, `FILE:LINE:COLUMN`, the name of the environment variable, or `schema`: what an entry has without being told. */
  readonly from: string;
}

/** Every value, and where it is given; what entries of channels, commands and cameras have without being told too. @throws as {@link loadConfig} */
export function effectiveConfig(file: string | undefined, environment: NodeJS.ProcessEnv): EffectiveValue[] {
  const { sources, merged } = layers(file, environment);
  const uppermostFirst = sources.toReversed();
  const variable = (path: Path) =>
    Object.entries(ENVIRONMENT).find(([name, given]) => environment[name] && given.join('.') === path.join('.'))?.[0];
  const given = leaves(merged, []).map(([path, value]) => {
    const where = place(path, uppermostFirst);
    return { key: path.join('.'), value, from: variable(path) ?? (where.startsWith(`${DEFAULT_FILE}:`) ? 'default' : where) };
  });
  return byEntry([...given, ...untold(merged, given)]);
}

/** In the program's units: milliseconds and bytes. Nothing where the configuration is wrong, since then it is not known what it means. */
function untold(merged: Tree, given: readonly EffectiveValue[]): EffectiveValue[] {
  const parsed = configSchema.safeParse(merged).data;
  if (!parsed) return [];
  // A value that was given in short, such as a profile's name, is not told again in its parts.
  const told = new Set(given.map(({ key }) => key));
  const isTold = (path: readonly string[]) => path.some((_, i) => told.has(path.slice(0, i + 1).join('.')));
  return leaves(parsed as Tree, [])
    .filter(([path, value]) => value !== undefined && !isTold(path))
    .map(([path, value]) => ({ key: path.join('.'), value, from: 'schema' }));
}

/** Each entry's values stand together, in the order of the entries. */
function byEntry(values: readonly EffectiveValue[]): EffectiveValue[] {
  const entry = ({ key }: EffectiveValue) => key.split('.').slice(0, 2).join('.');
  const order = [...new Set(values.map(entry))];
  return [...values].sort((a, b) => order.indexOf(entry(a)) - order.indexOf(entry(b)));
}

function leaves(tree: Tree, path: readonly string[]): [path: readonly string[], value: unknown][] {
  return Object.entries(tree).flatMap(([key, value]) =>
    isTree(value) && Object.keys(value).length > 0 ? leaves(value, [...path, key]) : [[[...path, key], value] as [string[], unknown]],
  );
}

/** The default file, the given one above it, the environment on top. */
function layers(file: string | undefined, environment: NodeJS.ProcessEnv): { sources: Source[]; merged: Tree } {
  const sources = [read(DEFAULT_FILE), ...(file === undefined ? [] : [read(resolve(file))])];
  const merged = sources.reduce<Tree>((below, source) => merge(below, absolutePaths(source)), {});
  for (const [name, path] of Object.entries(ENVIRONMENT)) {
    const value = environment[name];
    if (value) setAt(merged, path, path[1] === 'endpoint' ? value : resolve(value));
  }
  return { sources, merged };
}

/**
 * Takes wrong entries of `channels` or `cameras` out of `merged`, or of `commands` those whose conditions are on a channel that was taken out.
 * @returns what was taken out, and why.
 */
function leaveOutWrong(merged: Tree, map: LeftOut['of'], hasLeftOut: boolean, sources: readonly Source[]): LeftOut[] {
  if (map === 'commands' && !hasLeftOut) return [];
  const issues = configSchema.safeParse(merged).error?.issues ?? [];
  const ours = issues.filter(({ path }) => path[0] === map && path.length > 1 && (map !== 'commands' || path[2] === 'when'));
  const names = [...new Set(ours.map(({ path }) => String(path[1])))];
  const found = names.map((name) => ({
    of: map,
    name,
    text: ours
      .filter(({ path }) => String(path[1]) === name)
      .flatMap((issue) => explain(issue, sources, merged))
      .join('; '),
  }));
  const entries = merged[map];
  if (isTree(entries)) for (const name of names) delete entries[name];
  return found;
}

function read(name: string): Source {
  let text: string;
  try {
    text = readFileSync(name, 'utf8');
  } catch (error) {
    const why = codeOf(error) === 'ENOENT' ? 'no such file' : `it can't be read (${codeOf(error)})`;
    throw new AgentError('CONFIG_NOT_FOUND', `configuration ${name}: ${why}`, {
      todo: 'give an existing file with --config FILE',
      cause: error,
    });
  }
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const [problem] = document.errors;
  if (problem) {
    const { line, col } = lines.linePos(problem.pos[0]);
    throw new AgentError('CONFIG_SYNTAX', `${name}:${line}:${col}: ${problem.message}`, {
      todo: 'the file has to be YAML: indent with spaces, close quotes and brackets',
    });
  }
  if (document.contents !== null && !isMap(document.contents)) {
    throw new AgentError('CONFIG_SYNTAX', `${name}:1:1: expected keys and values`, { todo: 'start from config/robot.example.yaml' });
  }
  return { name, lines, document };
}

function absolutePaths(source: Source): Tree {
  const tree = (source.document.toJS() ?? {}) as Tree;
  for (const path of PATHS) {
    const value = valueAt(tree, path);
    if (typeof value === 'string' && value !== '' && !isAbsolute(value)) {
      setAt(tree, path, resolve(dirname(source.name), value));
    }
  }
  return tree;
}

/** Maps merge key by key, anything else replaces; null takes an entry of a map away. */
function merge(below: Tree, above: Tree): Tree {
  const merged: Tree = { ...below };
  for (const [key, value] of Object.entries(above)) {
    const old = merged[key];
    if (isTree(old) && isTree(value)) merged[key] = merge(old, value);
    else if (value === null && isTree(old)) delete merged[key];
    else merged[key] = value;
  }
  return merged;
}

function isTree(value: unknown): value is Tree {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function valueAt(tree: unknown, path: Path): unknown {
  return path.reduce<unknown>((value, key) => (value as Tree | undefined | null)?.[key], tree);
}

function setAt(tree: Tree, path: Path, value: unknown): void {
  const [key, ...rest] = path as [string, ...string[]];
  if (rest.length === 0) {
    tree[key] = value;
    return;
  }
  const below = tree[key];
  const inner: Tree = isTree(below) ? below : {};
  tree[key] = inner;
  setAt(inner, rest, value);
}

/** One line for each thing that is wrong: file:line:column, which key, what was found, what was expected. */
function explain(issue: z.core.$ZodIssue, sources: readonly Source[], merged: Tree): string[] {
  if (issue.code === 'unrecognized_keys') {
    const known = knownKeys(issue.path);
    return issue.keys.map((key) => {
      const guess = nearest(key, known);
      const where = [...issue.path, key].join('.');
      return `${place([...issue.path, key], sources)}: unknown key ${where}${guess ? `, did you mean ${guess}?` : `; known here: ${known.join(', ')}`}`;
    });
  }
  const found = valueAt(merged, issue.path as Path);
  if (issue.code === 'invalid_union' && isTree(found)) {
    // Of several shapes the one of keys is meant: what is wrong within it helps, that none fits does not.
    const within = issue.errors.find((branch) => branch.some(({ path, code }) => path.length > 0 || code === 'unrecognized_keys'));
    if (within) return within.flatMap((inner) => explain({ ...inner, path: [...issue.path, ...inner.path] }, sources, merged));
  }
  const value = found === undefined ? 'nothing' : JSON.stringify(found);
  return [`${place(issue.path as Path, sources)}: ${issue.path.join('.')} is ${value}: ${expectation(issue)}`];
}

/** As people say them. */
const TYPES: Readonly<Record<string, string>> = {
  int: 'a whole number',
  number: 'a number',
  string: 'text (in quotes, if it looks like a number)',
  boolean: 'true or false',
  object: 'keys and values',
  record: 'keys and values',
  array: 'a list',
};

function expectation(issue: z.core.$ZodIssue): string {
  if (issue.code === 'invalid_type') return `expected ${TYPES[issue.expected] ?? issue.expected}`;
  if (issue.code === 'too_small' && issue.origin === 'number') return `expected at least ${issue.minimum}`;
  if (issue.code === 'too_big' && issue.origin === 'number') return `expected at most ${issue.maximum}`;
  if (issue.code === 'invalid_value') return `expected one of ${issue.values.join(', ')}`;
  if (issue.code === 'invalid_key') return issue.issues.map((inner) => inner.message).join('; ');
  return issue.message.charAt(0).toLowerCase() + issue.message.slice(1);
}

/** Where a key stands: in the uppermost file that has it, or else its nearest parent. */
function place(path: readonly PropertyKey[], sources: readonly Source[]): string {
  for (let length = path.length; length > 0; length--) {
    for (const { name, lines, document } of sources) {
      const parent = document.getIn(path.slice(0, length - 1), true);
      const pair = isMap(parent) ? parent.items.find((item) => String(item.key) === String(path[length - 1])) : undefined;
      const start = pair && isNode(pair.key) ? pair.key.range?.[0] : undefined;
      if (start !== undefined) {
        const { line, col } = lines.linePos(start);
        return `${name}:${line}:${col}`;
      }
    }
  }
  return sources[0]?.name ?? '';
}

/** The keys the schema knows at a path. */
function knownKeys(path: readonly PropertyKey[]): string[] {
  let node: unknown = configSchema;
  for (const key of path) {
    const inner = unwrap(node) as { shape?: Tree; valueType?: unknown };
    node = inner.shape ? inner.shape[String(key)] : inner.valueType;
  }
  return Object.keys((unwrap(node) as { shape?: Tree } | undefined)?.shape ?? {});
}

function unwrap(schema: unknown): unknown {
  const inner = schema as { unwrap?: () => unknown; in?: unknown; options?: readonly unknown[] } | undefined;
  if (typeof inner?.unwrap === 'function') return unwrap(inner.unwrap());
  // A schema that transforms is a pipe: what may be written is what goes in.
  if (inner?.in) return unwrap(inner.in);
  return inner?.options?.map(unwrap).find((option) => (option as { shape?: Tree } | undefined)?.shape) ?? inner;
}
