// The rules that Biome checks, made from the table. Pure.
import { CLOUD, CLOUD_COMMANDS, CLOUD_LIBRARIES, COMPOSITION, LIBRARIES, ROBOT } from './table.ts';

const NAMES = Object.keys(ROBOT);
const CLOUD_NAMES = Object.keys(CLOUD);
const ENTER = 'Import a module by its public API, index.ts (docs/architecture.md).';
const BOUNDARY = 'This module may not import that one; scripts/boundaries/table.ts lists what it may import.';

const SHARED = 'Demo and tests do not import each other; parts for both are in scripts/lab.';

interface Pattern {
  readonly group: readonly string[];
  readonly message: string;
}

interface Override {
  readonly includes: readonly string[];
  readonly linter?: object;
  readonly plugins?: readonly string[];
}

/** Entries of Biome's `overrides`; the later ones win. */
export function overrides(): Override[] {
  return [
    rule(
      ['src/*.ts'],
      [
        libraries('src'),
        ...joins('./', ['base']),
        forbidden(['./'], [...NAMES.filter((name) => name !== 'base'), 'agent', 'cli'], BOUNDARY),
      ],
    ),
    ...NAMES.filter((name) => name !== 'wire').map((name) => rule([`src/${name}/**`], moduleRules(name))),
    rule(['src/base/*/**'], moduleRules('base', '../errors.ts')),
    rule(['src/agent.ts'], [libraries('agent'), ...joins('./', COMPOSITION), forbidden(['./'], ['doctor', 'cli'], BOUNDARY)]),
    rule(['src/agent/**'], [libraries('agent'), ...joins('../../', COMPOSITION), forbidden(['../../'], ['doctor', 'cli'], BOUNDARY)]),
    rule(['src/cli/**'], [libraries('cli'), ...joins('../', NAMES), ...joins('../../', NAMES)]),
    ...cloudOverrides(),
    rule(['demo/**'], [{ group: ['**/test/**'], message: SHARED }]),
    rule(['test/**', 'cloud/test/**'], [{ group: ['**/demo/**'], message: SHARED }]),
    rule(['scripts/lab/**'], [{ group: ['**/demo/**', '**/test/**'], message: SHARED }]),
    { includes: ['src/**', 'cloud/src/**', '!src/base/output.ts', '!src/cli/terminal.ts'], plugins: ['./scripts/boundaries/output.grit'] },
    rule(['src/wire/**'], [{ group: ['**', '!zod', '!./*.ts'], message: 'src/wire imports zod only.' }]),
  ];
}

function cloudOverrides(): Override[] {
  const parts = CLOUD_NAMES.filter((name) => !CLOUD_COMMANDS.includes(name));
  return [
    rule(
      ['cloud/src/*.ts'],
      [robotCode(['wire']), cloudLibraries('cloud'), ...joins('./', parts), forbidden(['./'], [...CLOUD_COMMANDS, 'cli'], BOUNDARY)],
    ),
    rule(
      ['cloud/src/main.ts'],
      [
        robotCode([]),
        cloudLibraries('main'),
        ...joins('./', ['version']),
        forbidden(
          ['./'],
          CLOUD_NAMES.filter((name) => name !== 'version'),
          BOUNDARY,
        ),
      ],
    ),
    ...CLOUD_NAMES.map((name) => rule([`cloud/src/${name}/**`], cloudRules(name))),
    rule(['cloud/src/cli/**'], [robotCode(['wire']), cloudLibraries('cli'), ...joins('../', CLOUD_NAMES)]),
  ];
}

function cloudRules(name: string): Pattern[] {
  const allowed = CLOUD[name] ?? [];
  const others = [...CLOUD_NAMES, 'cli'].filter((other) => other !== name && !allowed.includes(other));
  return [
    robotCode(allowed),
    cloudLibraries(name),
    { group: [...others.map((other) => `../${other}/**`), '../cloud.ts', '../main.ts'], message: BOUNDARY },
    ...joins(
      '../',
      allowed.filter((other) => other !== 'wire'),
    ),
  ];
}

/** @param allowed has `wire` if this part of the cloud knows the protocol. */
function robotCode(allowed: readonly string[]): Pattern {
  return {
    group: [
      '**/src/**',
      '!**/src/base/index.ts',
      '!**/src/base/*/index.ts',
      ...(allowed.includes('wire') ? ['!**/src/wire/index.ts'] : []),
    ],
    message: 'The cloud imports only src/base of the robot’s code, and src/wire if scripts/boundaries/table.ts says so.',
  };
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
  return owned(LIBRARIES, 'src', module);
}

/** The robot's own libraries have no owner in the cloud. */
function cloudLibraries(module: string): Pattern {
  const robots = Object.keys(LIBRARIES).filter((library) => !(library in CLOUD_LIBRARIES));
  const { group, message } = owned(CLOUD_LIBRARIES, 'cloud/src', module);
  return { group: [...group, ...robots.flatMap((library) => [library, `${library}/**`])], message };
}

function owned(table: Readonly<Record<string, readonly string[]>>, root: string, module: string): Pattern {
  const foreign = Object.entries(table).filter(([, owners]) => !owners.includes(module));
  const text = Object.entries(table).map(([library, owners]) => `${library} in ${owners.map((owner) => `${root}/${owner}`).join(' and ')}`);
  return {
    group: foreign.flatMap(([library]) => [library, `${library}/**`]),
    message: `Only the module that owns a library imports it: ${text.join(', ')}.`,
  };
}

function rule(includes: readonly string[], patterns: readonly Pattern[]): Override {
  return { includes, linter: { rules: { style: { noRestrictedImports: { level: 'error', options: { patterns } } } } } };
}
