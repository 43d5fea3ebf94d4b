// `npm run test:rclnodejs -- VERSION`: the contract suite of src/ros/native/ against another version of rclnodejs
// (src/ros/native/README.md). The version is installed and compiled in a temporary folder; node_modules of the checkout stays unchanged.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { rosPrefixFor, withRosPrefix } from './setup/native.mjs';
import { NODE_PREFIX, npmEnvironment } from './setup/pinnedNode.mjs';
import { python } from './setup/python.mjs';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const TESTS = ['binding', 'sources', 'functions', 'contract', 'node'].map((name) => join('test', 'ros', 'native', `${name}.test.ts`));

const version = process.argv[2] ?? 'latest';
const parent = mkdtempSync(join(tmpdir(), 'rclnodejs-'));
const folder = join(parent, 'node_modules', 'rclnodejs');

/** @param {string} command @param {string[]} args @param {string} cwd @param {NodeJS.ProcessEnv} env */
function succeeds(command, args, cwd, env) {
  return spawnSync(command, args, { cwd, env, stdio: 'inherit' }).status === 0;
}

/** @param {string} line */
function report(line) {
  process.stdout.write(`${line}\n`);
}

/** node-gyp alone: the package's own scripts would also generate JavaScript for all messages, which this program does not use. */
function compile() {
  const interpreter = python();
  const found = { ...rosPrefixFor(parent), ...(interpreter && { npm_config_python: interpreter.path }) };
  const env = { ...process.env, npm_config_nodedir: NODE_PREFIX, ...found };
  const script = withRosPrefix('../.bin/node-gyp -j 2 rebuild --loglevel=error');
  return succeeds('sh', ['-c', script], folder, env);
}

/** @returns {boolean} whether the suite passed */
function test() {
  writeFileSync(join(parent, 'package.json'), '{"private":true}');
  const install = ['install', '--ignore-scripts', '--no-audit', '--no-fund', `rclnodejs@${version}`];
  if (!succeeds('npm', install, parent, npmEnvironment())) {
    report(`rclnodejs ${version} cannot be installed: see the output of npm above`);
    return false;
  }
  if (!compile()) report('rclnodejs cannot be compiled here: only a prebuilt binary for this ROS, Ubuntu and processor can be tested');
  return succeeds(process.execPath, ['scripts/test.mjs', ...TESTS], ROOT, { ...process.env, RCLNODEJS_FOLDER: folder });
}

try {
  const passed = test();
  report(`rclnodejs ${version}: the contract suite of src/ros/native ${passed ? 'passed' : 'failed'}`);
  process.exitCode = passed ? 0 : 1;
} finally {
  rmSync(parent, { recursive: true, force: true });
}
