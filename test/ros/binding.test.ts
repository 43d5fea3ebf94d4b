import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { AgentError } from '../../src/errors.ts';
import { loadBinding } from '../../src/ros/binding.ts';
import { rosUnavailable } from '../support/ros.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const TSX = new URL('../../node_modules/tsx/dist/esm/index.mjs', import.meta.url).href;
const BUILT = path.join(ROOT, 'node_modules/rclnodejs/build/Release/rclnodejs.node');
const SOURCED = { AMENT_PREFIX_PATH: '/opt/ros/none', ROS_DISTRO: 'kilted' };
const run = promisify(execFile);

/** What loading fails with, in this process. */
function failure(env: NodeJS.ProcessEnv, folder: string): AgentError {
  try {
    loadBinding(env, folder);
  } catch (error) {
    if (error instanceof AgentError) return error;
    throw error;
  }
  throw new Error('it loaded');
}

/** What it fails with in a fresh process, where the dynamic loader sees another environment. */
async function failureInProcess(room: string, env: NodeJS.ProcessEnv, folder?: string): Promise<{ code: string; line: string }> {
  const program = `import { loadBinding } from ${JSON.stringify(path.join(room, 'ros/binding.ts'))};
    try { loadBinding(process.env, ${JSON.stringify(folder)}); console.log('{}'); }
    catch (error) { console.log(JSON.stringify({ code: error.code, line: error.line })); }`;
  const { stdout } = await run(process.execPath, ['--import', TSX, '--input-type=module', '-e', program], { env });
  return JSON.parse(stdout);
}

describe("rclnodejs' binary", () => {
  let folder: string;
  before(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'ros-binding-'));
    mkdirSync(path.join(folder, 'build/Release'), { recursive: true });
  });
  after(() => rmSync(folder, { recursive: true }));

  test('without a ROS environment the error says to source one', () => {
    const error = failure({}, folder);
    assert.equal(error.code, 'ROS_MISSING');
    assert.equal(
      error.line,
      'no ROS 2 environment: none is sourced, and bin/elderly-bot found none in /opt/ros or .ros2; run bin/setup in the checkout, which installs one, or install ROS 2; where it lies elsewhere, source its setup.sh first',
    );
  });

  test('an RMW_IMPLEMENTATION that is not installed is an error, where librcl would end the process', () => {
    const error = failure({ ...SOURCED, RMW_IMPLEMENTATION: 'rmw_none_cpp' }, folder);
    assert.equal(error.code, 'ROS_MISSING');
    assert.match(error.line, /RMW_IMPLEMENTATION is "rmw_none_cpp", and no librmw_none_cpp.so .* apt install ros-kilted-rmw-none-cpp/);
  });

  test('a binary that is not there is an error naming ROS, system and processor', () => {
    const error = failure(SOURCED, path.join(folder, 'nowhere'));
    assert.equal(error.code, 'ROS_BINARY');
    assert.match(
      error.line,
      /rclnodejs has no binary for ROS kilted on \S+ \S+, and .*rclnodejs.node is not there; run bin\/setup to build it/,
    );
  });

  test('a binary that is none, or of something else, is left as it is and named with the true reason', () => {
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
    assert.match(other.line, /rclnodejs.node has no ShadowNode, createContext, .*: it is not of rclnodejs 2.2.0; run npm ci/);
  });

  test('where rclnodejs is not installed the error says so', async () => {
    const room = path.join(folder, 'room');
    mkdirSync(path.join(room, 'ros'), { recursive: true });
    writeFileSync(path.join(room, 'package.json'), '{"type":"module"}');
    copyFileSync(path.join(ROOT, 'src/errors.ts'), path.join(room, 'errors.ts'));
    for (const file of ['binding.ts', 'installed.ts', 'names.ts', 'qos.ts', 'types.ts']) {
      copyFileSync(path.join(ROOT, 'src/ros', file), path.join(room, 'ros', file));
    }
    assert.deepEqual(await failureInProcess(room, { ...SOURCED, PATH: process.env.PATH }), {
      code: 'ROS_MISSING',
      line: 'rclnodejs is not installed; run bin/setup in an environment with ROS 2',
    });
  });

  test('started without LD_LIBRARY_PATH it names the library that is missing, and the binary is still there', {
    skip: rosUnavailable() || (!existsSync(BUILT) && 'rclnodejs was not built here'),
  }, async () => {
    const own = path.join(folder, 'own');
    const file = path.join(own, 'build/Release/rclnodejs.node');
    mkdirSync(path.dirname(file), { recursive: true });
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
