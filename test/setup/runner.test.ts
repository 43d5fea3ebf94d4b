// Tests scripts/test.mjs: the test files that it finds, and its failure if no test runs.
import assert from 'node:assert/strict';
import { mkdirSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, beforeEach, describe, it } from 'node:test';
import { ROOT } from '../../scripts/lab/program.ts';
import { Checkout, type Ended } from './checkout.ts';

const test = (name: string, body = ''): string => `import test from 'node:test';\n\ntest('${name}', () => {${body}});\n`;

describe('the test runner', () => {
  let checkout: Checkout;
  const run = (...files: string[]): Ended =>
    // The environment lacks NODE_TEST_CONTEXT, because a test runner that inherits it from another one runs nothing.
    checkout.run(process.execPath, [join(checkout.root, 'scripts', 'test.mjs'), ...files], { PATH: process.env.PATH });

  before(() => {
    checkout = new Checkout();
    symlinkSync(join(ROOT, 'node_modules'), join(checkout.root, 'node_modules'));
  });
  beforeEach(() => {
    for (const folder of ['test', 'cloud/test']) {
      rmSync(join(checkout.root, folder), { recursive: true, force: true });
      mkdirSync(join(checkout.root, folder), { recursive: true });
    }
  });
  after(() => checkout.remove());

  it('runs the tests of both packages and ends with the summary of the runner', () => {
    checkout.write('test/deep/a.test.ts', test('the robot'));
    checkout.write('cloud/test/b.test.ts', test('the cloud'));
    checkout.write('test/slow/c.test.ts', test('the campaign'));
    const { code, stdout } = run();
    assert.equal(code, 0, stdout);
    assert.match(stdout, /✔ the robot/);
    assert.match(stdout, /✔ the cloud/);
    assert.doesNotMatch(stdout, /the campaign/);
    assert.match(stdout, /^ℹ tests 2\n(ℹ .*\n)+$/m);
  });

  it('runs only the given files, including slow ones', () => {
    checkout.write('test/a.test.ts', test('the robot'));
    checkout.write('test/slow/c.test.ts', test('the campaign'));
    const { code, stdout } = run('test/slow/c.test.ts');
    assert.equal(code, 0, stdout);
    assert.match(stdout, /✔ the campaign/);
    assert.match(stdout, /^ℹ tests 1$/m);
  });

  it('fails if there is no test', () => {
    const { code, lines } = run();
    assert.deepEqual({ code, lines }, { code: 1, lines: ['no test file found in test or cloud/test'] });
  });

  it('fails if a given file does not exist', () => {
    assert.equal(run('test/nowhere.test.ts').code, 1);
  });

  it('fails if a test fails', () => {
    checkout.write('test/a.test.ts', test('the robot', " throw new Error('x'); "));
    assert.equal(run().code, 1);
  });
});
