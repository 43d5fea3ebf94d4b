// Which ROS 2 there is, and the Python for the wheels where there is none.
import { existsSync, readdirSync } from 'node:fs';
import { find, succeeds } from './context.mjs';

const NAMES = ['python3', 'python3.14', 'python3.13', 'python3.12', 'python3.11', 'python3.10'];
const FITS = 'import sys, venv, ensurepip; sys.exit(not (3, 10) <= sys.version_info < (3, 15))';

/** The same choice as bin/with-ros: a sourced ROS, else the newest of /opt/ros, else the wheels. */
export function usesWheels() {
  if (process.env.AMENT_PREFIX_PATH) return false;
  return !existsSync('/opt/ros') || !readdirSync('/opt/ros').some((name) => existsSync(`/opt/ros/${name}/setup.sh`));
}

/** @returns {string | undefined} a Python from 3.10 to 3.14 that can make environments */
export function python() {
  return NAMES.map(find).find((path) => path !== undefined && succeeds(path, ['-c', FITS]));
}
