// Collects the versions that a bug report should contain.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { release } from 'node:os';
import { VERSION } from '../version.ts';

const require = createRequire(import.meta.url);

interface Versions {
  readonly 'elderly-bot': string;
  readonly node: string;
  readonly openssl: string;
  readonly system: string;
  readonly kernel: string;
  readonly arch: string;
  /** The ROS 2 distribution. Null if no ROS environment is sourced. */
  readonly ros: string | null;
  /** The ROS 2 middleware (RMW). Null if no ROS environment is sourced. */
  readonly rmw: string | null;
  /** Null if rclnodejs is not installed. */
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

/** Returns the version of a native module, or null if it is not installed. Native modules are not bundled, so look for the package. */
function installed(name: string): string | null {
  try {
    return (JSON.parse(readFileSync(require.resolve(`${name}/package.json`), 'utf8')) as { version: string }).version;
  } catch {
    return null;
  }
}
