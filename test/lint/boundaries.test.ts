// Proves that the linter refuses each forbidden import: every fault is planted in one small tree with the real
// configuration, linted once, and must be reported in its file and by its rule.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { overrides } from '../../scripts/boundaries/rules.ts';
import { CLOUD, CLOUD_LIBRARIES, LIBRARIES, ROBOT } from '../../scripts/boundaries/table.ts';
import { ROOT } from '../../scripts/lab/program.ts';

const MODULES = Object.keys(ROBOT);
const CLOUD_MODULES = Object.keys(CLOUD);

const LIBRARY = /Only the module that owns a library imports it/;
const BOUNDARY = /may not import that one/;
const PUBLIC_API = /by its public API/;
const ROBOT_CODE = /only src\/base of the robot/;

interface Planted {
  readonly what: string;
  readonly file: string;
  readonly code: string;
  /** Undefined if the linter has to accept the code. */
  readonly rule?: string;
  readonly message?: RegExp;
}

const use = (from: string): string => `import { x } from '${from}';\n\nexport const y = x;\n`;
const restricted = (what: string, file: string, code: string, message: RegExp): Planted => ({
  what,
  file,
  code,
  message,
  rule: 'noRestrictedImports',
});

const output = (what: string, file: string, code: string): Planted => ({ what, file, code, rule: 'plugin', message: /Write by print/ });

const PLANTED: readonly Planted[] = [
  { what: 'any', rule: 'noExplicitAny', file: 'src/clock/any.ts', code: 'export const x: any = 1;\n' },
  {
    what: 'a floating promise',
    rule: 'noFloatingPromises',
    file: 'src/clock/floats.ts',
    code: 'async function f(): Promise<number> {\n  return 1;\n}\n\nexport function g(): void {\n  f();\n}\n',
  },
  {
    what: 'a promise where a truth value is asked for',
    rule: 'noMisusedPromises',
    file: 'src/clock/misused.ts',
    code: 'async function f(): Promise<boolean> {\n  return true;\n}\n\nexport const g = (): number => (f() ? 1 : 2);\n',
  },
  {
    what: 'a non-null assertion',
    rule: 'noNonNullAssertion',
    file: 'src/clock/bang.ts',
    code: 'export const f = (x: string[]): string => x[0]!;\n',
  },
  ...['process.stdout.write', 'process.stderr.write'].map((write, i) => output(write, `src/cli/write${i}.ts`, `${write}('x');\n`)),
  output('a stream of the process that is taken out', 'src/cli/taken.ts', 'const { stderr } = process;\n\nexport const out = stderr;\n'),
  output('a stream under another name', 'cloud/src/cli/named.ts', 'const { stdout: out } = process;\n\nexport const x = out;\n'),
  { what: 'the file that writes', file: 'src/base/output.ts', code: "export const f = (): boolean => process.stdout.write('x');\n" },
  { what: 'a thrown string', rule: 'useThrowOnlyError', file: 'src/clock/throws.ts', code: "export const f = () => {\n  throw 'x';\n};\n" },
  {
    what: 'an import cycle',
    rule: 'noImportCycles',
    file: 'src/clock/a.ts',
    code: "import { b } from './b.ts';\n\nexport const a = (): number => b();\n",
  },
  {
    what: 'an import cycle, from its other end',
    rule: 'noImportCycles',
    file: 'src/clock/b.ts',
    code: "import { a } from './a.ts';\n\nexport const b = (): number => a();\n",
  },

  ...Object.entries(LIBRARIES).flatMap(([library, owners]) => {
    const file = `${library.replaceAll('/', '_')}.ts`;
    return [
      ...['sensing', 'cli', 'status']
        .filter((other) => !owners.includes(other))
        .map((other) => restricted(`${library} in src/${other}`, `src/${other}/${file}`, use(library), LIBRARY)),
      restricted(`${library} in src/wire`, `src/wire/${file}`, use(library), /imports zod only/),
      ...owners.map((owner) => ({
        what: `${library} in src/${owner}, which owns it`,
        file: `src/${owner}/own_${file}`,
        code: use(library),
      })),
    ];
  }),
  restricted('a library beside the modules', 'src/errors.ts', use('mqtt'), LIBRARY),
  restricted(
    'a dynamic import of a library',
    'src/sensing/late.ts',
    "export const x = async (): Promise<unknown> => import('mqtt');\n",
    LIBRARY,
  ),
  restricted('a library that is exported again', 'src/sensing/again.ts', "export { x } from 'mqtt';\n", LIBRARY),
  restricted('a type of a library', 'src/sensing/type.ts', "import type { X } from 'mqtt';\n\nexport type Y = X;\n", LIBRARY),

  ...MODULES.filter((from) => from !== 'wire').flatMap((from) =>
    MODULES.filter((to) => to !== from).map((to): Planted => {
      const file = `src/${from}/to_${to}.ts`;
      const code = use(`../${to}/index.ts`);
      const may = (ROBOT[from] ?? []).includes(to) || (to === 'base' && from !== 'base');
      return may
        ? { what: `src/${from} that imports src/${to}`, file, code }
        : restricted(`src/${from} that imports src/${to}`, file, code, BOUNDARY);
    }),
  ),
  ...MODULES.filter((from) => (ROBOT[from] ?? []).includes('outbox')).map((from) =>
    restricted(`src/${from} that imports a file inside src/outbox`, `src/${from}/inside.ts`, use('../outbox/store.ts'), PUBLIC_API),
  ),
  restricted('a file inside a module from one folder deeper', 'src/uplink/deep/inside.ts', use('../../outbox/store.ts'), PUBLIC_API),
  { what: 'a public API from one folder deeper', file: 'src/uplink/deep/api.ts', code: use('../../outbox/index.ts') },
  restricted('a module that imports the composition root', 'src/outbox/agent.ts', use('../agent.ts'), BOUNDARY),
  restricted('a module that imports a part of the composition root', 'src/outbox/part.ts', use('../agent/health/part.ts'), BOUNDARY),
  restricted('a command line that imports a file inside a module', 'src/cli/inside.ts', use('../outbox/store.ts'), PUBLIC_API),
  { what: 'a command line that joins modules', file: 'src/cli/joins.ts', code: use('../uplink/index.ts') },
  { what: 'a part of the composition root that joins modules', file: 'src/agent/health/joins.ts', code: use('../../uplink/index.ts') },
  { what: 'a part that imports another part', file: 'src/agent/health/other.ts', code: use('../sensing/part.ts') },
  restricted('a part that imports a file inside a module', 'src/agent/health/inside.ts', use('../../outbox/store.ts'), PUBLIC_API),
  restricted('a composition root that imports the command line', 'src/agent/health/cli.ts', use('../../cli/index.ts'), BOUNDARY),
  {
    what: 'a composition root that joins modules',
    file: 'src/agent.ts',
    code: "import { x } from './outbox/index.ts';\nimport { x as z } from './uplink/index.ts';\n\nexport const y = x + z;\n",
  },

  restricted('a demo that imports a test', 'demo/helper.ts', use('../test/support/until.ts'), /scripts\/lab/),
  restricted('a test that imports the demo', 'test/cli/helper.ts', use('../../demo/world.ts'), /scripts\/lab/),
  restricted('a test of the cloud that imports the demo', 'cloud/test/helper.ts', use('../../demo/world.ts'), /scripts\/lab/),
  restricted('a shared part that imports a test', 'scripts/lab/helper.ts', use('../../test/support/until.ts'), /scripts\/lab/),
  { what: 'a demo that imports a shared part', file: 'demo/shared.ts', code: use('../scripts/lab/program.ts') },

  restricted('a wire module that imports the clock', 'src/wire/clock.ts', use('../clock/index.ts'), /imports zod only/),
  { what: 'a wire module that imports zod', file: 'src/wire/zod.ts', code: use('zod') },
  ...CLOUD_MODULES.flatMap((from) =>
    CLOUD_MODULES.filter((to) => to !== from).map((to): Planted => {
      const file = `cloud/src/${from}/to_${to}.ts`;
      const code = use(`../${to}/index.ts`);
      return (CLOUD[from] ?? []).includes(to)
        ? { what: `cloud/src/${from} that imports cloud/src/${to}`, file, code }
        : restricted(`cloud/src/${from} that imports cloud/src/${to}`, file, code, BOUNDARY);
    }),
  ),
  ...CLOUD_MODULES.flatMap((from) => {
    const code = use('../../../src/wire/index.ts');
    return [
      (CLOUD[from] ?? []).includes('wire')
        ? { what: `cloud/src/${from} that imports src/wire`, file: `cloud/src/${from}/wire.ts`, code }
        : restricted(`cloud/src/${from} that imports src/wire`, `cloud/src/${from}/wire.ts`, code, ROBOT_CODE),
      { what: `cloud/src/${from} that imports src/base`, file: `cloud/src/${from}/base.ts`, code: use('../../../src/base/index.ts') },
    ];
  }),
  ...CLOUD_MODULES.filter((from) => (CLOUD[from] ?? []).includes('database')).map((from) =>
    restricted(
      `cloud/src/${from} that imports a file inside cloud/src/database`,
      `cloud/src/${from}/inside.ts`,
      use('../database/pool.ts'),
      PUBLIC_API,
    ),
  ),
  ...Object.entries(CLOUD_LIBRARIES).flatMap(([library, owners]) => {
    const file = `${library.replaceAll('/', '_')}.ts`;
    return [
      ...['stream', 'cli']
        .filter((other) => !owners.includes(other))
        .map((other) => restricted(`${library} in cloud/src/${other}`, `cloud/src/${other}/${file}`, use(library), LIBRARY)),
      ...owners
        .filter((owner) => owner !== 'main')
        .map((owner) => ({
          what: `${library} in cloud/src/${owner}, which owns it`,
          file: `cloud/src/${owner}/own_${file}`,
          code: use(library),
        })),
    ];
  }),
  restricted('a library of the robot in the cloud', 'cloud/src/database/sqlite.ts', use('better-sqlite3'), LIBRARY),
  restricted('a library in the cloud’s composition root', 'cloud/src/cloud.ts', use('pg'), LIBRARY),
  restricted('a cloud’s composition root that imports the doctor', 'cloud/src/root.ts', use('./doctor/index.ts'), BOUNDARY),
  { what: 'a cloud’s composition root that joins modules', file: 'cloud/src/joins.ts', code: use('./ingest/index.ts') },
  restricted('a cloud’s main program that imports a module', 'cloud/src/main.ts', use('./ingest/index.ts'), BOUNDARY),
  restricted('a module of the cloud that imports its composition root', 'cloud/src/ingest/root.ts', use('../cloud.ts'), BOUNDARY),
  restricted('a module of the cloud that imports its command line', 'cloud/src/ingest/cli.ts', use('../cli/index.ts'), BOUNDARY),
  restricted(
    'the cloud’s command line that imports a file inside a module',
    'cloud/src/cli/inside.ts',
    use('../database/pool.ts'),
    PUBLIC_API,
  ),
  { what: 'the cloud’s command line that joins modules', file: 'cloud/src/cli/joins.ts', code: use('../doctor/index.ts') },
  restricted('a cloud that imports a module of the robot', 'cloud/src/ingest/robot.ts', use('../../../src/outbox/index.ts'), ROBOT_CODE),
  restricted('a cloud that imports a file inside src/wire', 'cloud/src/ingest/inWire.ts', use('../../../src/wire/zod.ts'), ROBOT_CODE),
  { what: 'a test that imports what it needs', file: 'test/outbox/x.test.ts', code: use('../../src/outbox/store.ts') },
];

interface Found {
  readonly message: string;
  readonly category: string;
  readonly location: { readonly path: string };
}

describe('the linter', () => {
  let folder: string;
  let status: number | null;
  let found: readonly Found[];

  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'elderly-bot-lint-'));
    for (const name of ['biome.json', 'biome.boundaries.json', 'scripts/boundaries/output.grit'])
      cpSync(join(ROOT, name), join(folder, name));
    const write = (file: string, code: string): void => {
      mkdirSync(dirname(join(folder, file)), { recursive: true });
      writeFileSync(join(folder, file), code);
    };
    for (const name of [...MODULES, 'cli']) write(`src/${name}/index.ts`, 'export const x = 1;\n');
    for (const name of [...CLOUD_MODULES, 'cli']) write(`cloud/src/${name}/index.ts`, 'export const x = 1;\n');
    for (const file of ['src/outbox/store.ts', 'src/agent/health/part.ts', 'src/agent/sensing/part.ts', 'cloud/src/database/pool.ts'])
      write(file, 'export const x = 1;\n');
    for (const { file, code } of PLANTED) write(file, code);

    const options = ['lint', '--reporter=json', '--max-diagnostics=none', '.'];
    const biome = spawnSync(join(ROOT, 'node_modules/.bin/biome'), options, { cwd: folder, encoding: 'utf8' });
    status = biome.status;
    found = (JSON.parse(biome.stdout) as { diagnostics: Found[] }).diagnostics;
  });

  after(() => rmSync(folder, { recursive: true, force: true }));

  for (const { what, file, rule, message } of PLANTED) {
    it(`${rule === undefined ? 'accepts' : 'refuses'} ${what}`, () => {
      const here = found.filter(({ location }) => location.path === file);
      assert.deepEqual(
        here.map(({ category }) => category.split('/').at(-1)),
        rule === undefined ? [] : [rule],
      );
      if (message !== undefined) assert.match(here[0]?.message ?? '', message);
    });
  }

  it('finds nothing else in the small tree, and fails', () => {
    const planted = new Set(PLANTED.map(({ file }) => file));
    assert.deepEqual(
      found.filter(({ location }) => !planted.has(location.path)),
      [],
    );
    assert.equal(status, 1);
  });

  it('has rules for every folder of src/', () => {
    const folders = readdirSync(join(ROOT, 'src'), { withFileTypes: true }).filter((entry) => entry.isDirectory());
    assert.deepEqual(
      folders.map(({ name }) => name).filter((name) => !['agent', 'cli', ...MODULES].includes(name)),
      [],
    );
  });

  it('has rules for every folder of cloud/src/', () => {
    const folders = readdirSync(join(ROOT, 'cloud/src'), { withFileTypes: true }).filter((entry) => entry.isDirectory());
    assert.deepEqual(
      folders.map(({ name }) => name).filter((name) => !['cli', ...CLOUD_MODULES].includes(name)),
      [],
    );
  });

  it('is generated from the table', () => {
    const { overrides: written } = JSON.parse(readFileSync(join(ROOT, 'biome.boundaries.json'), 'utf8')) as { overrides: unknown };
    assert.deepEqual(written, overrides());
  });
});
