// The Node.js that agent, cloud, demo and tests run on: an npm package for this processor with the program and its headers, pinned in
// package.json. The Node.js that runs the setup itself is the machine's own, and may be another.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
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
