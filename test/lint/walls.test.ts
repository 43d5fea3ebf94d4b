// The linter is a wall only if it falls on what should not pass: each fault is planted in a small tree and has to be found.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { ROOT } from '../support/program.ts';

const DOORS = ['wire', 'clock', 'outbox', 'uplink', 'sensing', 'commands', 'status', 'config', 'ros'];

const FAULTS = [
  { what: 'any', rule: 'noExplicitAny', file: 'src/clock/x.ts', code: 'export const x: any = 1;\n' },
  {
    what: 'a floating promise',
    rule: 'noFloatingPromises',
    file: 'src/clock/x.ts',
    code: 'async function f(): Promise<number> {\n  return 1;\n}\n\nexport function g(): void {\n  f();\n}\n',
  },
  {
    what: 'MQTT outside its room',
    rule: 'noRestrictedImports',
    file: 'src/sensing/x.ts',
    code: "import mqtt from 'mqtt';\n\nexport const x = mqtt;\n",
  },
  {
    what: 'sensing that knows the uplink',
    rule: 'noRestrictedImports',
    file: 'src/sensing/x.ts',
    code: "import { uplink } from '../uplink/index.ts';\n\nexport const x = uplink;\n",
  },
  {
    what: 'a room entered by the window',
    rule: 'noRestrictedImports',
    file: 'src/uplink/x.ts',
    code: "import { outbox } from '../outbox/store.ts';\n\nexport const x = outbox;\n",
  },
  {
    what: 'a wire room that imports the clock',
    rule: 'noRestrictedImports',
    file: 'src/wire/x.ts',
    code: "import { clock } from '../clock/index.ts';\n\nexport const x = clock;\n",
  },
  {
    what: 'a cloud that enters the robot',
    rule: 'noRestrictedImports',
    file: 'cloud/src/x.ts',
    code: "import { outbox } from '../../src/outbox/index.ts';\n\nexport const x = outbox;\n",
  },
] as const;

describe('the linter', () => {
  let folder: string;

  const write = (file: string, code: string) => {
    const path = join(folder, file);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, code);
  };
  const lint = () => {
    const { status, stdout, stderr } = spawnSync(join(ROOT, 'node_modules/.bin/biome'), ['lint', '.'], { cwd: folder, encoding: 'utf8' });
    return { status, output: `${stdout}${stderr}` };
  };

  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'elderly-bot-lint-'));
    cpSync(join(ROOT, 'biome.json'), join(folder, 'biome.json'));
    for (const room of DOORS) write(`src/${room}/index.ts`, `export const ${room} = 1;\n`);
    write('src/outbox/store.ts', 'export const outbox = 1;\n');
    write(
      'src/agent.ts',
      "import { outbox } from './outbox/index.ts';\nimport { uplink } from './uplink/index.ts';\n\nexport const agent = outbox + uplink;\n",
    );
  });

  after(() => rmSync(folder, { recursive: true, force: true }));

  it('lets a clean tree pass', () => {
    const { status, output } = lint();
    assert.equal(status, 0, output);
  });

  for (const { what, rule, file, code } of FAULTS) {
    it(`falls on ${what}`, () => {
      write(file, code);
      const { status, output } = lint();
      rmSync(join(folder, file));
      assert.equal(status, 1, output);
      assert.match(output, new RegExp(rule));
    });
  }

  it('falls on an import cycle', () => {
    write('src/clock/a.ts', "import { b } from './b.ts';\n\nexport const a = (): number => b();\n");
    write('src/clock/b.ts', "import { a } from './a.ts';\n\nexport const b = (): number => a();\n");
    const { status, output } = lint();
    assert.equal(status, 1, output);
    assert.match(output, /noImportCycles/);
  });
});
