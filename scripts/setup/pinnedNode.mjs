// Finds the Node.js that agent, cloud, demo and tests run on. It is an npm package for this processor with the program and its headers,
// pinned in package.json. The system's Node.js, which runs the setup, may have another version.
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { contents, outputOf, ROOT } from './context.mjs';

const PACKAGE = `node-linux-${process.arch}`;

/** The folder with bin/node and include/node. */
export const NODE_PREFIX = join(ROOT, 'node_modules', PACKAGE);

export const NODE = join(NODE_PREFIX, 'bin', 'node');

/** @returns {string | undefined} its version; undefined if there is no package for this processor */
export function pinnedVersion() {
  /** @type {{ optionalDependencies: Record<string, string> }} */
  const { optionalDependencies } = JSON.parse(contents('package.json'));
  return process.platform === 'linux' ? optionalDependencies[PACKAGE] : undefined;
}

/** Whether the pinned version is installed and runs. */
export function hasPinnedNode() {
  return existsSync(NODE) && outputOf(NODE, ['--version'])?.trim() === `v${pinnedVersion()}`;
}

/**
 * The environment of an npm that may run on the pinned Node.js. npm reads the system's settings (proxy, mirror, certificates) from a folder
 * beside the Node.js that runs it, and the pinned one has no such folder.
 * @returns {NodeJS.ProcessEnv}
 */
export function npmEnvironment() {
  const folders = (process.env.PATH ?? '').split(delimiter);
  const PATH = folders.filter((folder) => !/\/node_modules\/(\.bin|node-linux-[^/]+\/bin)$/.test(folder)).join(delimiter);
  const settings = outputOf('npm', ['config', 'get', 'globalconfig'], { ...process.env, PATH })?.trim();
  return { ...process.env, ...(settings && { npm_config_globalconfig: settings }) };
}
