// The rules that Biome checks, made from the table. Pure.
import { COMPOSITION, LIBRARIES, ROBOT } from './table.ts';

const NAMES = Object.keys(ROBOT);
const ENTER = 'Import a module by its public API, index.ts (docs/architecture.md).';
const BOUNDARY = 'This module may not import that one; scripts/boundaries/table.ts lists what it may import.';

interface Pattern {
  readonly group: readonly string[];
  readonly message: string;
}

interface Override {
  readonly includes: readonly string[];
  readonly linter: object;
}

/** Entries of Biome's `overrides`; the later ones win. */
export function overrides(): Override[] {
  return [
    rule(['src/*.ts'], [libraries('src'), forbidden(['./'], [...NAMES, 'agent', 'cli'], BOUNDARY)]),
    ...NAMES.filter((name) => name !== 'wire').map((name) => rule([`src/${name}/**`], moduleRules(name))),
    rule(['src/base/*/**'], moduleRules('base', '../errors.ts')),
    rule(['src/agent.ts'], [libraries('agent'), ...joins('./', COMPOSITION), forbidden(['./'], ['doctor', 'cli'], BOUNDARY)]),
    rule(['src/agent/**'], [libraries('agent'), ...joins('../../', COMPOSITION), forbidden(['../../'], ['doctor', 'cli'], BOUNDARY)]),
    rule(['src/cli/**'], [libraries('cli'), ...joins('../', NAMES), ...joins('../../', NAMES)]),
    rule(
      ['cloud/src/**'],
      [
        {
          group: ['**/src/**', '!**/src/wire/index.ts', '!**/src/base/index.ts'],
          message: 'The cloud imports only src/wire and src/base of the robot’s code.',
        },
        { group: ['rclnodejs', 'better-sqlite3'], message: 'Only the robot uses this library.' },
      ],
    ),
    rule(['src/wire/**'], [{ group: ['**', '!zod', '!./*.ts'], message: 'src/wire imports zod only.' }]),
  ];
}

/** @param ownErrors the path from a file of `base` to its errors.ts, which is not src/errors.ts. */
function moduleRules(name: string, ownErrors = './errors.ts'): Pattern[] {
  const allowed = [...(ROBOT[name] ?? []), ...(name === 'base' ? [] : ['base'])];
  const others = [...NAMES, 'agent', 'cli'].filter((other) => other !== name && !allowed.includes(other));
  const prefixes = ['../', '../../'];
  return [
    libraries(name),
    { group: prefixes.flatMap((prefix) => [...others.map((other) => `${prefix}${other}/**`), `${prefix}agent.ts`]), message: BOUNDARY },
    ...(name === 'base' ? [{ group: ['**/errors.ts', `!${ownErrors}`], message: BOUNDARY }] : []),
    ...prefixes.flatMap((prefix) => joins(prefix, allowed)),
  ];
}

function forbidden(prefixes: readonly string[], names: readonly string[], message: string): Pattern {
  return { group: prefixes.flatMap((prefix) => names.map((name) => `${prefix}${name}/**`)), message };
}

function joins(prefix: string, names: readonly string[]): Pattern[] {
  if (names.length === 0) return [];
  return [{ group: names.flatMap((name) => [`${prefix}${name}/**`, `!${prefix}${name}/index.ts`]), message: ENTER }];
}

function libraries(module: string): Pattern {
  const foreign = Object.entries(LIBRARIES).filter(([, owners]) => !owners.includes(module));
  const text = Object.entries(LIBRARIES).map(([library, owners]) => `${library} in src/${owners.join(' and src/')}`);
  return {
    group: foreign.flatMap(([library]) => [library, `${library}/**`]),
    message: `Only the module that owns a library imports it: ${text.join(', ')}.`,
  };
}

function rule(includes: readonly string[], patterns: readonly Pattern[]): Override {
  return { includes, linter: { rules: { style: { noRestrictedImports: { level: 'error', options: { patterns } } } } } };
}
