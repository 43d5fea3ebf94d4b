// Selects the rclnodejs for the contract suite: the installed package, or the package in RCLNODEJS_FOLDER (`npm run test:rclnodejs`).
import { fileURLToPath } from 'node:url';
import { loadBinding, versionIn } from '../../../src/ros/native/binding.ts';
import type { NativeBinding } from '../../../src/ros/native/functions.ts';

export const FOLDER = process.env.RCLNODEJS_FOLDER ?? fileURLToPath(new URL('../../../node_modules/rclnodejs', import.meta.url));

export const VERSION = versionIn(FOLDER) ?? 'of an unknown version';

/** Loads any version for the whole process. Nodes that start later use the same version. */
export function loadTested(): NativeBinding {
  return loadBinding(process.env, FOLDER, VERSION);
}
