// Installs ROS 2 from the wheels on PyPI if the system has none, into a folder .ros2 with the layout of /opt/ros/kilted. The new folder
// is created aside and renamed when it is complete, so an existing one works until then.
import { spawnSync } from 'node:child_process';
import { existsSync, lstatSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { contents, ROOT, SetupError, STATE } from './context.mjs';
import { python } from './python.mjs';
import { run } from './run.mjs';
import { hash } from './stamps.mjs';

export const PREFIX = join(ROOT, '.ros2');
const ASIDE = join(STATE, 'ros2.new');
const OLD = join(STATE, 'ros2.old');
const REQUIREMENTS = 'scripts/setup/ros-requirements.txt';

/** The platform of the wheels. Other platforms need an installed ROS 2. */
const PLATFORM = 'linux-x64';

/** The same choice as bin/with-ros: a sourced ROS, else the newest of /opt/ros, else the wheels. */
export function usesWheels() {
  const sourced = process.env.AMENT_PREFIX_PATH;
  if (sourced) return sourced === PREFIX;
  if (!existsSync('/opt/ros')) return true;
  return !readdirSync('/opt/ros').some(
    (name) => existsSync(`/opt/ros/${name}/setup.sh`) && existsSync(`/opt/ros/${name}/share/ament_index`),
  );
}

/** The hash of the inputs of .ros2/; empty if the folder is incomplete. */
export function wheelsStamp() {
  const complete = join(PREFIX, 'complete');
  return existsSync(complete) && existsSync(join(PREFIX, 'bin', 'python')) ? readFileSync(complete, 'utf8') : '';
}

/** @type {import('./context.mjs').Step} */
export const ros = {
  name: 'ROS 2 Kilted in .ros2/',
  what: 'ROS 2 as wheels from PyPI (260 MB in .ros2/)',
  needs: ['python', 'readelf'],
  done: () => !usesWheels() || wheelsStamp() === wanted(),
  async check() {
    const here = `${process.platform}-${process.arch}`;
    if (here === PLATFORM) return;
    throw new SetupError(
      `no ROS 2 is sourced or in /opt/ros, and its wheels are for ${PLATFORM}, not ${here}`,
      'install ROS 2 (docs.ros.org), or take what needs no ROS: bin/setup --no-ros',
    );
  },
  async run() {
    try {
      await make();
    } catch (error) {
      rmSync(ASIDE, { recursive: true, force: true });
      throw error;
    }
  },
};

function wanted() {
  return hash(contents(REQUIREMENTS), contents('scripts/setup/ros.mjs'));
}

async function make() {
  const interpreter = python();
  if (!interpreter) throw new SetupError('no Python 3.10 to 3.14 any more', 'run it again');
  rmSync(ASIDE, { recursive: true, force: true });
  const env = pipEnvironment();
  await run('ros-venv', interpreter.path, ['-m', 'venv', '--prompt', '.ros2', ASIDE], { env });
  const options = ['--no-deps', '--only-binary', ':all:', '--require-hashes', '--retries', '2', '-r', join(ROOT, REQUIREMENTS)];
  await run('ros-wheels', join(ASIDE, 'bin', 'python'), ['-m', 'pip', 'install', '-q', ...options], { env, fetches: 'PyPI' });
  unlinkPython();
  renamePaths();
  writeFileSync(join(ASIDE, 'complete'), wanted());
  rmSync(OLD, { recursive: true, force: true });
  if (existsSync(PREFIX)) renameSync(PREFIX, OLD);
  renameSync(ASIDE, PREFIX);
  rmSync(OLD, { recursive: true, force: true });
}

/** Removes variables that would bring in another Python's folders or the user's pip settings. */
function pipEnvironment() {
  const { PYTHONHOME, PYTHONPATH, VIRTUAL_ENV, PIP_TARGET, PIP_PREFIX, PIP_REQUIRE_VIRTUALENV, ...env } = process.env;
  return { ...env, PIP_DISABLE_PIP_VERSION_CHECK: '1', PIP_USER: '0' };
}

/**
 * Removes the dependency of three libraries on Python's message generators. These load only inside Python, and the libraries do not use
 * them.
 */
function unlinkPython() {
  const folder = join(ASIDE, 'lib');
  const libraries = readdirSync(folder).filter(
    (name) => name.includes('.so') && !name.endsWith('_generator_py.so') && !lstatSync(join(folder, name)).isSymbolicLink(),
  );
  for (const name of libraries) {
    const file = join(folder, name);
    const dynamic = spawnSync('readelf', ['-d', file], { encoding: 'utf8' }).stdout ?? '';
    for (const [, needed] of dynamic.matchAll(/\[(lib[^\]]*_generator_py\.so)\]/g)) {
      const patched = spawnSync(join(ASIDE, 'bin', 'patchelf'), ['--remove-needed', String(needed), file]);
      if (patched.status !== 0)
        throw new SetupError(
          `patchelf could not change ${name}`,
          'run it again; if it fails again, please report it with this machine’s details',
        );
    }
  }
}

/** Replaces the temporary folder's name in the scripts of the environment. */
function renamePaths() {
  for (const name of ['pyvenv.cfg', ...readdirSync(join(ASIDE, 'bin')).map((script) => join('bin', script))]) {
    const file = join(ASIDE, name);
    if (!lstatSync(file).isFile()) continue;
    const text = readFileSync(file, 'latin1');
    if (!text.includes('\0') && text.includes(ASIDE)) writeFileSync(file, text.replaceAll(ASIDE, PREFIX), 'latin1');
  }
}
