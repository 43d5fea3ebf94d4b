// The Node.js that agent, cloud, demo and tests run on: an npm package for this processor with the program and its headers, pinned in
// package.json. The Node.js that runs the setup itself is the machine's own, and may be another.
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { answer, contents, ROOT } from './context.mjs';

const PACKAGE = `node-linux-${process.arch}`;

/** The folder with bin/node and include/node. */
export const NODE_PREFIX = join(ROOT, 'node_modules', PACKAGE);

export const NODE = join(NODE_PREFIX, 'bin', 'node');

/** @returns {string | undefined} its version, undefined if this processor has none */
export function pinnedVersion() {
  /** @type {{ optionalDependencies: Record<string, string> }} */
  const { optionalDependencies } = JSON.parse(contents('package.json'));
  return process.platform === 'linux' ? optionalDependencies[PACKAGE] : undefined;
}

/** Whether the pinned version is there and runs. */
export function hasPinnedNode() {
  return existsSync(NODE) && answer(NODE, ['--version'])?.trim() === `v${pinnedVersion()}`;
}

/**
 * For an npm that may run on the pinned Node.js: npm looks for the machine's settings (a proxy, a mirror, certificates) in a folder beside
 * the Node.js that runs npm, and beside the pinned one there are none.
 * @returns {NodeJS.ProcessEnv}
 */
export function npmEnvironment() {
  const folders = (process.env.PATH ?? '').split(delimiter);
  const PATH = folders.filter((folder) => !/\/node_modules\/(\.bin|node-linux-[^/]+\/bin)$/.test(folder)).join(delimiter);
  const settings = answer('npm', ['config', 'get', 'globalconfig'], { ...process.env, PATH })?.trim();
  return { ...process.env, ...(settings && { npm_config_globalconfig: settings }) };
}
