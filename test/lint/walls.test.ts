// The linter is a wall only if it falls on what should not pass: every fault is planted in one small tree with the real
// biome.json, linted once, and has to be found in its file and by its rule.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { ROOT } from '../support/program.ts';

const ROOMS = ['wire', 'clock', 'config', 'identity', 'ros', 'outbox', 'status', 'logs', 'sensing', 'commands', 'uplink', 'media'];
const STAR = ['sensing', 'uplink', 'commands', 'media', 'uploads'];
const LIBRARIES = [
  { library: 'rclnodejs', room: 'ros' },
  { library: '@foxglove/rosmsg', room: 'ros' },
  { library: 'better-sqlite3', room: 'outbox' },
  { library: 'mqtt', room: 'uplink' },
  { library: 'sharp', room: 'media' },
  { library: 'axios', room: 'uploads' },
  { library: 'unix-dgram', room: 'status' },
];

const LIBRARY = /Only its own room knows this library/;
const STRANGER = /does not know that one|knows none of them/;
const WINDOW = /through its door/;

interface Planted {
  readonly what: string;
  readonly file: string;
  readonly code: string;
  /** Undefined where it has to pass. */
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

  ...LIBRARIES.flatMap(({ library, room }) => [
    ...['sensing', 'cli', 'status', 'wire']
      .filter((other) => other !== room)
      .map((other) => {
        const message = other === 'wire' ? /imports zod only/ : LIBRARY;
        return restricted(`${library} in src/${other}`, `src/${other}/${library.replaceAll('/', '_')}.ts`, use(library), message);
      }),
    { what: `${library} in its own room`, file: `src/${room}/own_${library.replaceAll('/', '_')}.ts`, code: use(library) },
  ]),
  restricted('a library beside the rooms', 'src/errors.ts', use('mqtt'), LIBRARY),
  restricted('a library fetched late', 'src/sensing/late.ts', "export const x = async (): Promise<unknown> => import('mqtt');\n", LIBRARY),
  restricted('a library handed on', 'src/sensing/hands.ts', "export { x } from 'mqtt';\n", LIBRARY),
  restricted('a type of a library', 'src/sensing/type.ts', "import type { X } from 'mqtt';\n\nexport type Y = X;\n", LIBRARY),

  ...STAR.flatMap((from) =>
    STAR.filter((to) => to !== from).map((to) =>
      restricted(`src/${from} that knows src/${to}`, `src/${from}/to_${to}.ts`, use(`../${to}/index.ts`), STRANGER),
    ),
  ),
  ...STAR.map((from) => ({
    what: `src/${from} that uses the outbox by its door`,
    file: `src/${from}/door.ts`,
    code: use('../outbox/index.ts'),
  })),
  ...STAR.map((from) =>
    restricted(`src/${from} that enters the outbox by the window`, `src/${from}/window.ts`, use('../outbox/store.ts'), WINDOW),
  ),
  restricted('a window from one folder deeper', 'src/uplink/deep/window.ts', use('../../outbox/store.ts'), WINDOW),
  { what: 'a door from one folder deeper', file: 'src/uplink/deep/door.ts', code: use('../../outbox/index.ts') },
  restricted('a room that joins the agent', 'src/outbox/agent.ts', use('../agent.ts'), STRANGER),
  restricted('a room that uses a joint', 'src/outbox/joint.ts', use('../agent/room.ts'), STRANGER),
  restricted('a command line that enters by the window', 'src/cli/window.ts', use('../outbox/store.ts'), WINDOW),
  { what: 'a command line that joins rooms', file: 'src/cli/joins.ts', code: use('../uplink/index.ts') },
  { what: 'a joint that joins rooms', file: 'src/agent/joins.ts', code: use('../uplink/index.ts') },
  restricted('a joint that enters by the window', 'src/agent/window.ts', use('../outbox/store.ts'), WINDOW),
  {
    what: 'an agent that joins rooms',
    file: 'src/agent.ts',
    code: "import { x } from './outbox/index.ts';\nimport { x as z } from './uplink/index.ts';\n\nexport const y = x + z;\n",
  },

  restricted('a wire room that imports the clock', 'src/wire/clock.ts', use('../clock/index.ts'), /imports zod only/),
  restricted('a wire room that imports a library', 'src/wire/yaml.ts', use('yaml'), /imports zod only/),
  { what: 'a wire room that imports zod', file: 'src/wire/zod.ts', code: use('zod') },
  restricted('a cloud that enters the robot', 'cloud/src/robot.ts', use('../../src/outbox/index.ts'), /only the wire room/),
  restricted('a cloud that enters the wire room by the window', 'cloud/src/wire.ts', use('../../src/wire/zod.ts'), /only the wire room/),
  { what: 'a cloud that uses the wire room and its own broker client', file: 'cloud/src/fits.ts', code: use('../../src/wire/index.ts') },
  { what: 'a test that uses what it needs', file: 'test/outbox/x.test.ts', code: use('../../src/outbox/store.ts') },
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
    cpSync(join(ROOT, 'biome.json'), join(folder, 'biome.json'));
    const write = (file: string, code: string): void => {
      mkdirSync(dirname(join(folder, file)), { recursive: true });
      writeFileSync(join(folder, file), code);
    };
    for (const room of [...ROOMS, 'uploads', 'cli']) write(`src/${room}/index.ts`, 'export const x = 1;\n');
    write('src/outbox/store.ts', 'export const x = 1;\n');
    for (const { file, code } of PLANTED) write(file, code);

    const options = ['lint', '--reporter=json', '--max-diagnostics=none', '.'];
    const biome = spawnSync(join(ROOT, 'node_modules/.bin/biome'), options, { cwd: folder, encoding: 'utf8' });
    status = biome.status;
    found = (JSON.parse(biome.stdout) as { diagnostics: Found[] }).diagnostics;
  });

  after(() => rmSync(folder, { recursive: true, force: true }));

  for (const { what, file, rule, message } of PLANTED) {
    it(`${rule === undefined ? 'lets pass' : 'falls on'} ${what}`, () => {
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

  it('has walls for every room of src/', () => {
    const { overrides } = JSON.parse(readFileSync(join(ROOT, 'biome.json'), 'utf8')) as { overrides: { includes: string[] }[] };
    const walled = overrides.flatMap(({ includes }) => includes);
    const rooms = readdirSync(join(ROOT, 'src'), { withFileTypes: true }).filter((entry) => entry.isDirectory());
    assert.deepEqual(
      rooms.map(({ name }) => `src/${name}/**`).filter((room) => !walled.includes(room)),
      [],
    );
  });
});
