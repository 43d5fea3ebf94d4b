// Finds the Python with paho-mqtt that bin/setup installs for examples/robot.py.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '../../scripts/lab/program.ts';

const WHEELS = join(ROOT, '.ros2/bin/python');
const PAHO = join(ROOT, '.setup/paho-mqtt');

/** For a test's `skip`: the reason why paho-mqtt is missing, or false. */
export function pahoUnavailable(): string | false {
  return existsSync(join(PAHO, 'paho')) ? false : 'no paho-mqtt: run bin/setup, connected';
}

export function pythonWithPaho(): { readonly command: string; readonly env: NodeJS.ProcessEnv } {
  return { command: existsSync(WHEELS) ? WHEELS : 'python3', env: { PATH: process.env.PATH, PYTHONPATH: PAHO } };
}
