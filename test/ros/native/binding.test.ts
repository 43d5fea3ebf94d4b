import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { copyFileSync, cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { AgentError } from '../../../src/errors.ts';
import { loadBinding } from '../../../src/ros/native/binding.ts';
import { ARGUMENTS, EXECUTOR_ARGUMENTS, functionProblems, SUPPORTED_VERSION } from '../../../src/ros/native/functions.ts';
import { rosUnavailable } from '../../support/ros.ts';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const TSX = new URL('../../../node_modules/tsx/dist/esm/index.mjs', import.meta.url).href;
const BUILT = path.join(ROOT, 'node_modules/rclnodejs/build/Release/rclnodejs.node');
const SOURCED = { AMENT_PREFIX_PATH: '/opt/ros/none', ROS_DISTRO: 'kilted' };
const run = promisify(execFile);

/** Loads the module in this process. @returns the error. */
function failure(env: NodeJS.ProcessEnv, folder: string): AgentError {
  try {
    loadBinding(env, folder);
  } catch (error) {
    if (error instanceof AgentError) return error;
    throw error;
  }
  throw new Error('it loaded');
}

/** Loads the module in a new process, whose dynamic loader has another environment. @returns the error. */
async function failureInProcess(source: string, env: NodeJS.ProcessEnv, folder?: string): Promise<{ code: string; line: string }> {
  const program = `import { loadBinding } from ${JSON.stringify(path.join(source, 'ros/native/binding.ts'))};
    try { loadBinding(process.env, ${JSON.stringify(folder)}); console.log('{}'); }
    catch (error) { console.log(JSON.stringify({ code: error.code, line: error.line })); }`;
  const { stdout } = await run(process.execPath, ['--import', TSX, '--input-type=module', '-e', program], { env });
  return JSON.parse(stdout);
}

/** Creates a folder with a package.json of rclnodejs, but without its files. */
function packageFolder(folder: string, version: string = SUPPORTED_VERSION): string {
  mkdirSync(path.join(folder, 'build/Release'), { recursive: true });
  writeFileSync(path.join(folder, 'package.json'), JSON.stringify({ name: 'rclnodejs', version }));
  return folder;
}

describe('the loader of the native module', () => {
  let folder: string;
  before(() => {
    folder = packageFolder(mkdtempSync(path.join(tmpdir(), 'ros-binding-')));
  });
  after(() => rmSync(folder, { recursive: true }));

  test('without a ROS environment, the remedy is to source one', () => {
    const error = failure({}, folder);
    assert.equal(error.code, 'ROS_MISSING');
    assert.equal(
      error.line,
      'no ROS 2 environment: none is sourced, and bin/elderly-bot found none in /opt/ros or .ros2; run bin/setup in the checkout, which installs one, or install ROS 2; if it is installed elsewhere, source its setup.sh first',
    );
  });

  test('an RMW_IMPLEMENTATION that is not installed is an error instead of the end of the process', () => {
    const error = failure({ ...SOURCED, RMW_IMPLEMENTATION: 'rmw_none_cpp' }, folder);
    assert.equal(error.code, 'ROS_MISSING');
    assert.match(error.line, /RMW_IMPLEMENTATION is "rmw_none_cpp", and no librmw_none_cpp.so .* apt install ros-kilted-rmw-none-cpp/);
  });

  test('an untested version of rclnodejs is refused, and the error names both versions', () => {
    for (const [version, found] of [
      ['2.3.0', '2.3.0'],
      ['', '(unknown version)'],
    ] as const) {
      const home = packageFolder(path.join(folder, `version-${version}`), version);
      if (version === '') rmSync(path.join(home, 'package.json'));
      const error = failure(SOURCED, home);
      assert.equal(error.code, 'ROS_BINARY');
      assert.equal(
        error.line,
        `${home} has rclnodejs ${found}; this program calls native functions of 2.2.0; run npm ci, then bin/setup, which install rclnodejs 2.2.0`,
      );
    }
  });

  test('a missing binary is an error that names the ROS distribution, the system and the processor', () => {
    const error = failure(SOURCED, packageFolder(path.join(folder, 'empty')));
    assert.equal(error.code, 'ROS_BINARY');
    assert.match(
      error.line,
      /rclnodejs has no binary for ROS kilted on \S+ \S+, and .*rclnodejs.node does not exist; run bin\/setup to build it/,
    );
  });

  test('a broken binary, or the binary of another package, stays unchanged and is reported with the true reason', () => {
    const file = path.join(folder, 'build/Release/rclnodejs.node');
    writeFileSync(file, 'no library');
    const broken = failure(SOURCED, folder);
    assert.equal(broken.code, 'ROS_BINARY');
    assert.match(broken.line, /cannot load .*rclnodejs.node: .*(file too short|invalid ELF header); run bin\/setup/);
    assert.equal(readFileSync(file, 'utf8'), 'no library');
    rmSync(file);
    copyFileSync(path.join(ROOT, 'node_modules/unix-dgram/build/Release/unix_dgram.node'), file);
    const other = failure(SOURCED, folder);
    assert.equal(other.code, 'ROS_BINARY');
    assert.match(
      other.line,
      /rclnodejs.node does not have the native functions of rclnodejs 2.2.0: ShadowNode is missing, createContext is missing, .*; run npm ci/,
    );
  });

  test('the problems name each function that is missing or takes another number of arguments', () => {
    const withLength = (length: number) => Object.defineProperty(() => undefined, 'length', { value: length });
    const ShadowNode = class {
      start(_context: unknown, _timeoutMs: number): void {}
      stop(): void {}
    };
    const functions = Object.fromEntries(Object.entries(ARGUMENTS).map(([name, count]) => [name, withLength(count)]));
    assert.deepEqual(functionProblems({ ...functions, ShadowNode, rclTakeRaw: withLength(2), shutdown: undefined }), [
      'shutdown is missing',
      'rclTakeRaw takes 2 arguments instead of 1',
      'ShadowNode.syncHandles is missing',
    ]);
    assert.equal(functionProblems(undefined).length, Object.keys({ ...ARGUMENTS, ...EXECUTOR_ARGUMENTS }).length);
  });

  test('a missing rclnodejs is reported', async () => {
    const source = path.join(folder, 'source');
    for (const part of ['base', 'errors.ts', 'ros']) cpSync(path.join(ROOT, 'src', part), path.join(source, part), { recursive: true });
    writeFileSync(path.join(source, 'package.json'), '{"type":"module"}');
    assert.deepEqual(await failureInProcess(source, { ...SOURCED, PATH: process.env.PATH }), {
      code: 'ROS_MISSING',
      line: 'rclnodejs is not installed; run bin/setup in an environment with ROS 2',
    });
  });

  test('without LD_LIBRARY_PATH the error names the missing library, and the binary stays unchanged', {
    skip: rosUnavailable() || (!existsSync(BUILT) && 'rclnodejs was not built here'),
  }, async () => {
    const own = packageFolder(path.join(folder, 'own'));
    const file = path.join(own, 'build/Release/rclnodejs.node');
    copyFileSync(BUILT, file);
    const before = statSync(file);
    const { LD_LIBRARY_PATH: _, ...env } = process.env;
    const { code, line } = await failureInProcess(path.join(ROOT, 'src'), env, own);
    assert.equal(code, 'ROS_BINARY');
    assert.match(line, /^cannot load .*rclnodejs.node: librcl.*: cannot open shared object file.*; start through bin\/elderly-bot/);
    const after = statSync(file);
    assert.deepEqual([after.ino, after.size, after.mtimeMs], [before.ino, before.size, before.mtimeMs]);
  });
});
