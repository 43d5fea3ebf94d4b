// Compiles the npm packages with native code. Each step is done when the code that uses the package can load it.
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { outputOf, ROOT, report, STATE } from './context.mjs';
import { lockHash, MANIFESTS, nodePackages } from './packages.mjs';
import { NODE, NODE_PREFIX, npmEnvironment } from './pinnedNode.mjs';
import { python } from './python.mjs';
import { PREFIX, usesWheels, wheelsStamp } from './ros.mjs';
import { run } from './run.mjs';
import { hash, stampAfter, stamped } from './stamps.mjs';

const WITH_ROS = join(ROOT, 'bin', 'with-ros');
const DATAGRAMS = `require('unix-dgram').createSocket('unix_dgram').close()`;
const LOADS = `
  const { loadBinding } = await import('./dist/ros/native/binding.js');
  loadBinding();
  process.stdout.write(process.env.AMENT_PREFIX_PATH + ' ' + process.env.ROS_DISTRO);
`;

/** @type {import('./context.mjs').Step} */
export const datagrams = {
  name: 'unix-dgram, compiled',
  what: 'unix-dgram, compiled',
  needs: ['compiler', 'python'],
  done: () => nodePackages.done() && outputOf(NODE, ['-e', DATAGRAMS]) !== undefined,
  run: () => compile('unix-dgram', 'npm', ['rebuild', 'unix-dgram'], ROOT, {}),
};

/** @type {import('./context.mjs').Step} */
export const rclnodejs = {
  name: 'rclnodejs, compiled against this ROS 2 (about a minute)',
  what: 'rclnodejs, compiled',
  needs: ['compiler', 'python'],
  done() {
    if (!nodePackages.done() || !existsSync(join(ROOT, 'dist', 'ros', 'native', 'binding.js'))) return false;
    const environment = outputOf(WITH_ROS, [NODE, '--input-type=module', '-e', LOADS]);
    return environment !== undefined && stamped('rclnodejs', madeFrom(environment));
  },
  run: () =>
    stampAfter(
      'rclnodejs',
      // node-gyp does not quote include paths. If the checkout's path has a space, the package is compiled elsewhere and copied.
      () => (/\s/.test(ROOT) ? compileElsewhere() : compileRclnodejs(ROOT, rosPrefixFor(STATE))),
      () => madeFrom(outputOf(WITH_ROS, ['sh', '-c', 'printf "%s %s" "$AMENT_PREFIX_PATH" "$ROS_DISTRO"']) ?? ''),
    ),
};

/** @param {string} environment the ROS prefixes and distribution; the wheels are named by what they are, so that a checkout may move */
function madeFrom(environment) {
  return hash(lockHash(), usesWheels() ? wheelsStamp() : environment);
}

/**
 * The build of rclnodejs searches the PATH for `ros2` and takes the parent of its folder as the ROS prefix. The wheels have no `ros2`, so
 * the build gets a prefix of links with a stand-in. `withRosPrefix` puts it in front of the PATH.
 * @param {string} folder the prefix becomes a folder in it
 * @returns {NodeJS.ProcessEnv} empty if ROS 2 is installed, because then there is a real `ros2`
 */
export function rosPrefixFor(folder) {
  if (!usesWheels()) return {};
  const prefix = join(folder, 'ros2-prefix');
  rmSync(prefix, { recursive: true, force: true });
  mkdirSync(join(prefix, 'bin'), { recursive: true });
  for (const name of ['include', 'lib']) symlinkSync(join(PREFIX, name), join(prefix, name));
  writeFileSync(join(prefix, 'bin', 'ros2'), '#!/bin/sh\necho "only for the build of rclnodejs" >&2\nexit 1\n', { mode: 0o755 });
  return { ROS2_FOLDER: join(prefix, 'bin') };
}

/** @param {string} command */
export function withRosPrefix(command) {
  return `PATH="\${ROS2_FOLDER:+$ROS2_FOLDER:}$PATH" LIBRARY_PATH="$LD_LIBRARY_PATH" exec ${command}`;
}

/** @param {string} cwd @param {NodeJS.ProcessEnv} extra */
async function compileRclnodejs(cwd, extra) {
  // The scripts of rclnodejs fetch a tool with npx, which would ask for permission.
  const script = withRosPrefix('npm rebuild rclnodejs --foreground-scripts');
  await compile('rclnodejs', WITH_ROS, ['sh', '-c', script], cwd, { ...extra, npm_config_yes: 'true' });
  const log = join(STATE, 'rclnodejs.log');
  // Its exit code is 0 even if the generation of messages failed.
  const failed = /^Caught error: .*/m.exec(readFileSync(log, 'utf8'));
  if (failed) report(`rclnodejs could not generate all its messages, which the agent does not need but the bench's peers do (${log})`);
}

/** @param {string} log @param {string} command @param {string[]} args @param {string} cwd @param {NodeJS.ProcessEnv} extra */
async function compile(log, command, args, cwd, extra) {
  const interpreter = python();
  const env = {
    ...npmEnvironment(),
    ...extra,
    ...(interpreter && { npm_config_python: interpreter.path }),
    // The package of the pinned Node.js contains its headers, so node-gyp downloads nothing. The system's Node.js has other headers.
    npm_config_nodedir: NODE_PREFIX,
  };
  await run(log, command, args, { cwd, env });
}

async function compileElsewhere() {
  const parent = [tmpdir(), '/tmp', '/var/tmp', homedir()].find((folder) => !/\s/.test(folder) && existsSync(folder));
  const folder = mkdtempSync(join(parent ?? '/', 'elderly-bot-build-'));
  try {
    mkdirSync(join(folder, 'cloud'));
    for (const name of MANIFESTS) cpSync(join(ROOT, name), join(folder, name));
    cpSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'), { recursive: true, verbatimSymlinks: true });
    const link = join(folder, 'ros2');
    if (usesWheels()) symlinkSync(PREFIX, link);
    await compileRclnodejs(folder, usesWheels() ? { ELDERLY_BOT_ROS_PREFIX: link, ...rosPrefixFor(folder) } : {});
    const target = join(ROOT, 'node_modules', 'rclnodejs');
    rmSync(`${target}.new`, { recursive: true, force: true });
    cpSync(join(folder, 'node_modules', 'rclnodejs'), `${target}.new`, { recursive: true, verbatimSymlinks: true });
    rmSync(target, { recursive: true, force: true });
    renameSync(`${target}.new`, target);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
