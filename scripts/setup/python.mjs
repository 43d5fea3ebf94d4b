// Finds the Python that creates the environment of the wheels and that node-gyp needs: 3.10 to 3.14, with venv and ensurepip. A version
// manager's shim without a Python behind it is ignored.
import { find, outputOf } from './context.mjs';

const NAMES = ['python3', 'python3.14', 'python3.13', 'python3.12', 'python3.11', 'python3.10'];
const ASK = `
import sys
fits = (3, 10) <= sys.version_info < (3, 15)
try:
    import venv, ensurepip
except ImportError:
    print('no venv' if fits else 'no')
else:
    print('yes' if fits else 'no')
`;

/** @typedef {{ path: string, venv: boolean }} Python */

/** @returns {Python | undefined} prefers a Python that has venv */
export function python() {
  /** @type {Python | undefined} */
  let without;
  for (const name of NAMES) {
    const path = find(name);
    const said = path && outputOf(path, ['-c', ASK])?.trim();
    if (path && said === 'yes') return { path, venv: true };
    if (path && said === 'no venv') without ??= { path, venv: false };
  }
  return without;
}
