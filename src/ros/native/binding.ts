// Loads rclnodejs' native module without the rest of the package, in 17 ms and 18 MB instead of 100 ms and 43 MB (measured with Node.js
// 20). If loading fails, rclnodejs' own loader hides the dynamic loader's error, deletes the binary and compiles it again. This loader
// reports the error and never writes a file.
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { constants } from 'node:os';
import path from 'node:path';
import { messageOf } from '../../base/index.ts';
import { AgentError } from '../../errors.ts';
import { amentPrefixes, installCommand, sourcedEnvironment } from '../install.ts';
import { functionProblems, type NativeBinding, SUPPORTED_VERSION } from './functions.ts';

const INSTALL_SUPPORTED = `run npm ci, then bin/setup, which install rclnodejs ${SUPPORTED_VERSION}`;

let loaded: NativeBinding | undefined;

/**
 * Loads the native module once per process.
 * @param folder the package's folder, by default the one that Node.js resolves.
 * @param version the accepted version. Only the contract suite may accept a version other than SUPPORTED_VERSION.
 * @throws AgentError ROS_MISSING, ROS_BINARY
 */
export function loadBinding(env = process.env, folder?: string, version: string = SUPPORTED_VERSION): NativeBinding {
  if (loaded !== undefined) return loaded;
  requireEnvironment(env);
  const home = folder ?? rclnodejsFolder();
  const found = versionIn(home) ?? '(unknown version)';
  if (found !== version) {
    throw new AgentError('ROS_BINARY', `${home} has rclnodejs ${found}; this program calls native functions of ${version}`, {
      remedy: INSTALL_SUPPORTED,
      fields: { folder: home },
    });
  }
  const file = binaryOf(home, env);
  const module: { exports: unknown } = { exports: {} };
  try {
    // RTLD_NOW reports a missing symbol here. With lazy binding, the process would be killed when the symbol is first used.
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

/** @returns the version in the package.json of a folder, or undefined if that file is missing or malformed. */
export function versionIn(folder: string): string | undefined {
  try {
    const { version } = JSON.parse(readFileSync(path.join(folder, 'package.json'), 'utf8')) as { version?: unknown };
    return typeof version === 'string' ? version : undefined;
  } catch {
    return undefined;
  }
}

function requireEnvironment(env: NodeJS.ProcessEnv): void {
  if (amentPrefixes(env).length === 0) {
    throw new AgentError('ROS_MISSING', 'no ROS 2 environment: none is sourced, and bin/elderly-bot found none in /opt/ros or .ros2', {
      remedy:
        'run bin/setup in the checkout, which installs one, or install ROS 2; if it is installed elsewhere, source its setup.sh first',
    });
  }
  const rmw = env.RMW_IMPLEMENTATION;
  if (rmw === undefined || rmw === '') return;
  // Must run before the module is loaded: if the rmw library is missing, librcl ends the process without an error message.
  const folders = [...(env.LD_LIBRARY_PATH ?? '').split(path.delimiter), ...amentPrefixes(env).map((prefix) => path.join(prefix, 'lib'))];
  if (folders.some((folder) => folder !== '' && existsSync(path.join(folder, `lib${rmw}.so`)))) return;
  throw new AgentError('ROS_MISSING', `RMW_IMPLEMENTATION is "${rmw}", and no lib${rmw}.so is in this ROS environment`, {
    remedy: `unset it for the default, or ${installCommand([rmw], sourcedEnvironment(env))}`,
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

/**
 * Finds the file that rclnodejs would load: the prebuilt binary for exactly this ROS, Ubuntu and processor, else the locally built binary.
 */
function binaryOf(folder: string, env: NodeJS.ProcessEnv): string {
  const { platform, arch } = process;
  const distro = env.ROS_DISTRO ?? 'unknown';
  const system = codename();
  const name = `${path.basename(distro)}-${path.basename(system)}-${arch}-node-rclnodejs.node`;
  const built = path.join(folder, 'build', 'Release', 'rclnodejs.node');
  const file = [path.join(folder, 'prebuilds', `${platform}-${arch}`, name), built].find(existsSync);
  if (file !== undefined) return file;
  throw new AgentError('ROS_BINARY', `rclnodejs has no binary for ROS ${distro} on ${system} ${arch}, and ${built} does not exist`, {
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
