// The rclnodejs that the contract suite tests: the installed one, or the one in RCLNODEJS_FOLDER (`npm run test:rclnodejs`).
import { fileURLToPath } from 'node:url';
import { loadBinding, versionIn } from '../../../src/ros/native/binding.ts';
import type { NativeBinding } from '../../../src/ros/native/functions.ts';

export const FOLDER = process.env.RCLNODEJS_FOLDER ?? fileURLToPath(new URL('../../../node_modules/rclnodejs', import.meta.url));

export const VERSION = versionIn(FOLDER) ?? 'of an unknown version';

/** Accepts any version, and loads it for the whole process: a node that starts later uses it too. */
export function loadTested(): NativeBinding {
  return loadBinding(process.env, FOLDER, VERSION);
}
