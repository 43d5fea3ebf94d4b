// The versions of everything a bug report needs.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { release } from 'node:os';
import { dirname, join } from 'node:path';
import { VERSION } from '../version.ts';

const require = createRequire(import.meta.url);

export interface Versions {
  readonly 'elderly-bot': string;
  readonly node: string;
  readonly openssl: string;
  readonly system: string;
  readonly kernel: string;
  readonly arch: string;
  /** ROS 2's distribution, and its middleware; null if no ROS is sourced. */
  readonly ros: string | null;
  readonly rmw: string | null;
  /** Null if it is not installed. */
  readonly rclnodejs: string | null;
  readonly 'better-sqlite3': string | null;
}

export function versions(env: NodeJS.ProcessEnv = process.env): Versions {
  const isSourced = Boolean(env.AMENT_PREFIX_PATH);
  return {
    'elderly-bot': VERSION,
    node: process.versions.node,
    openssl: process.versions.openssl,
    system: system(),
    kernel: release(),
    arch: process.arch,
    ros: isSourced ? (env.ROS_DISTRO ?? 'unknown') : null,
    rmw: isSourced ? env.RMW_IMPLEMENTATION || 'its default' : null,
    rclnodejs: installed('rclnodejs'),
    'better-sqlite3': installed('better-sqlite3'),
  };
}

function system(): string {
  try {
    return /^PRETTY_NAME="?(.*?)"?$/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1] ?? process.platform;
  } catch {
    return process.platform;
  }
}

/** @returns the version of a native module, which stays outside the bundle. */
function installed(name: string): string | null {
  try {
    const manifest = join(dirname(require.resolve(`${name}/package.json`)), 'package.json');
    return (JSON.parse(readFileSync(manifest, 'utf8')) as { version: string }).version;
  } catch {
    return null;
  }
}
