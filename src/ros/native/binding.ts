// Loads rclnodejs' native module and nothing else: 17 ms and 18 MB instead of 100 ms and 43 MB for the whole package (measured with
// Node.js 20). rclnodejs' own loader hides the error of the dynamic loader, deletes its binary and compiles. Here a module that does not
// load is one error with the true reason, and no file is ever written.
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { constants } from 'node:os';
import path from 'node:path';
import { messageOf } from '../../base/index.ts';
import { AgentError } from '../../errors.ts';
import { amentPrefixes, aptName } from '../installed.ts';
import { functionProblems, type NativeBinding, SUPPORTED_VERSION } from './functions.ts';

const INSTALL_SUPPORTED = `run npm ci, then bin/setup, which install rclnodejs ${SUPPORTED_VERSION}`;

let loaded: NativeBinding | undefined;

/**
 * The native module, loaded once in a process.
 * @param folder of the package; left out: the one that Node.js resolves.
 * @param version that is accepted; only the contract suite accepts another than SUPPORTED_VERSION.
 * @throws AgentError ROS_MISSING, ROS_BINARY
 */
export function loadBinding(env: NodeJS.ProcessEnv = process.env, folder?: string, version: string = SUPPORTED_VERSION): NativeBinding {
  if (loaded !== undefined) return loaded;
  requireEnvironment(env);
  const home = folder ?? rclnodejsFolder();
  requireVersion(home, version);
  const file = binaryOf(home, env);
  const module: { exports: unknown } = { exports: {} };
  try {
    // RTLD_NOW: a missing symbol is an error here; with lazy binding its first use would end the process.
    process.dlopen(module, file, constants.dlopen.RTLD_NOW);
  } catch (error) {
    throw new AgentError('ROS_BINARY', `cannot load ${file}: ${messageOf(error)}`, {
      remedy: /cannot open shared object/.test(messageOf(error))
        ? 'start through bin/elderly-bot or in a shell that has sourced ROS, so that LD_LIBRARY_PATH names its libraries'
        : 'run bin/setup to build it for this machine, ROS and Node',
      cause: error,
      fields: { file },
    });
  }
  const problems = functionProblems(module.exports);
  if (problems.length > 0) {
    throw new AgentError('ROS_BINARY', `${file} does not have the native functions of rclnodejs ${version}: ${problems.join(', ')}`, {
      remedy: INSTALL_SUPPORTED,
      fields: { file },
    });
  }
  loaded = module.exports as NativeBinding;
  return loaded;
}

/** The version in the package.json of a package; undefined if it cannot be read. */
export function versionIn(folder: string): string | undefined {
  try {
    const { version } = JSON.parse(readFileSync(path.join(folder, 'package.json'), 'utf8')) as { version?: unknown };
    return typeof version === 'string' ? version : undefined;
  } catch {
    return undefined;
  }
}

function requireVersion(folder: string, version: string): void {
  const found = versionIn(folder);
  if (found === version) return;
  throw new AgentError(
    'ROS_BINARY',
    `${folder} has rclnodejs ${found ?? '(unknown version)'}; this program calls native functions of ${version}`,
    {
      remedy: INSTALL_SUPPORTED,
      fields: { folder },
    },
  );
}

function requireEnvironment(env: NodeJS.ProcessEnv): void {
  if (amentPrefixes(env).length === 0) {
    throw new AgentError('ROS_MISSING', 'no ROS 2 environment: none is sourced, and bin/elderly-bot found none in /opt/ros or .ros2', {
      remedy: 'run bin/setup in the checkout, which installs one, or install ROS 2; if it lies elsewhere, source its setup.sh first',
    });
  }
  const rmw = env.RMW_IMPLEMENTATION;
  if (rmw === undefined || rmw === '') return;
  // librcl checks this while it is loaded and ends the process without an error, so the check comes first.
  const folders = [...(env.LD_LIBRARY_PATH ?? '').split(path.delimiter), ...amentPrefixes(env).map((prefix) => path.join(prefix, 'lib'))];
  if (folders.some((folder) => folder !== '' && existsSync(path.join(folder, `lib${rmw}.so`)))) return;
  throw new AgentError('ROS_MISSING', `RMW_IMPLEMENTATION is "${rmw}", and no lib${rmw}.so is in this ROS environment`, {
    remedy: `unset it for the default, or apt install ${aptName(rmw, env.ROS_DISTRO)}`,
  });
}

function rclnodejsFolder(): string {
  try {
    return path.dirname(createRequire(import.meta.url).resolve('rclnodejs/package.json'));
  } catch (error) {
    throw new AgentError('ROS_MISSING', 'rclnodejs is not installed', {
      remedy: 'run bin/setup in an environment with ROS 2',
      cause: error,
    });
  }
}

/** The file that rclnodejs would load: the prebuilt one for exactly this ROS, Ubuntu and processor, else the one built here. */
function binaryOf(folder: string, env: NodeJS.ProcessEnv): string {
  const distro = env.ROS_DISTRO ?? 'unknown';
  const system = codename();
  const prebuilt = path.join(
    folder,
    'prebuilds',
    `${process.platform}-${process.arch}`,
    `${path.basename(distro)}-${path.basename(system)}-${process.arch}-node-rclnodejs.node`,
  );
  const built = path.join(folder, 'build', 'Release', 'rclnodejs.node');
  const file = [prebuilt, built].find((candidate) => existsSync(candidate));
  if (file !== undefined) return file;
  throw new AgentError('ROS_BINARY', `rclnodejs has no binary for ROS ${distro} on ${system} ${process.arch}, and ${built} is not there`, {
    remedy: 'run bin/setup to build it',
  });
}

function codename(): string {
  try {
    return /^VERSION_CODENAME=(.*)$/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1]?.trim() ?? 'unknown';
  } catch {
    return 'unknown';
  }
}
