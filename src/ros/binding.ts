// Loads rclnodejs' native module, and only that: 17 ms and 18 MB instead of 100 ms and 43 MB for the whole package (measured,
// Node 20). It also never meets rclnodejs' own loader, which hides the dynamic loader's error and then compiles, deleting
// its binary first: here a module that doesn't load is one error with the true reason, and no file is ever written.
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { constants } from 'node:os';
import path from 'node:path';
import { messageOf } from '../base/index.ts';
import { AgentError } from '../errors.ts';
import { amentPrefixes, aptName } from './installed.ts';
import type { NativeQos } from './qos.ts';

export interface NativeHandle {
  release(): void;
}

/** The executor: a thread that waits in rcl_wait and calls `execute` on the main thread with the handles that are ready. */
export interface NativeExecutor {
  start(context: NativeHandle, timeoutMs: number): void;
  stop(): void;
  syncHandles(): void;
}

export interface NativeEndpoint {
  readonly node_name: string;
  readonly node_namespace: string;
  readonly topic_type: string;
  readonly qos_profile: {
    readonly reliability: number;
    readonly durability: number;
  };
}

/** What is used of rclnodejs 2.2.0's native module. */
export interface NativeBinding {
  readonly ShadowNode: new () => NativeExecutor;
  createContext(): NativeHandle;
  init(context: NativeHandle, args: readonly string[], domainId: bigint): void;
  shutdown(context: NativeHandle): void;
  createNode(
    name: string,
    namespace: string,
    context: NativeHandle,
    args: readonly string[],
    useGlobalArguments: boolean,
    rosoutQos: null,
  ): NativeHandle;
  createGuardCondition(context: NativeHandle): NativeHandle;
  triggerGuardCondition(guard: NativeHandle): void;
  createSubscription(
    node: NativeHandle,
    pkg: string,
    folder: 'msg',
    name: string,
    topic: string,
    options: { qos: NativeQos },
  ): NativeHandle;
  rclTakeRaw(subscription: NativeHandle): Buffer | undefined;
  createPublisher(node: NativeHandle, pkg: string, folder: 'msg', name: string, topic: string, qos: NativeQos): NativeHandle;
  publishRawMessage(publisher: NativeHandle, bytes: Buffer): void;
  getSubscriptionCount(publisher: NativeHandle): number;
  getPublishersInfoByTopic(node: NativeHandle, topic: string, noDemangle: boolean): readonly NativeEndpoint[];
  getTopicNamesAndTypes(node: NativeHandle, noDemangle: boolean): readonly { name: string; types: string[] }[];
}

const USED = [
  'ShadowNode',
  'createContext',
  'init',
  'shutdown',
  'createNode',
  'createGuardCondition',
  'triggerGuardCondition',
  'createSubscription',
  'rclTakeRaw',
  'createPublisher',
  'publishRawMessage',
  'getSubscriptionCount',
  'getPublishersInfoByTopic',
  'getTopicNamesAndTypes',
] as const satisfies readonly (keyof NativeBinding)[];

let loaded: NativeBinding | undefined;

/** @throws AgentError ROS_MISSING, ROS_BINARY */
export function loadBinding(env: NodeJS.ProcessEnv = process.env, packageFolder?: string): NativeBinding {
  if (loaded !== undefined) return loaded;
  requireEnvironment(env);
  const file = binaryOf(packageFolder ?? rclnodejsFolder(), env);
  const module: { exports: unknown } = { exports: {} };
  try {
    // RTLD_NOW: a symbol that is missing is an error here, not the end of the process at its first use.
    process.dlopen(module, file, constants.dlopen.RTLD_NOW);
  } catch (error) {
    throw new AgentError('ROS_BINARY', `cannot load ${file}: ${messageOf(error)}`, {
      todo: /cannot open shared object/.test(messageOf(error))
        ? 'start through bin/elderly-bot or in a shell that has sourced ROS, so that LD_LIBRARY_PATH names its libraries'
        : 'run bin/setup to build it for this machine, ROS and Node',
      cause: error,
      fields: { file },
    });
  }
  loaded = requireFunctions(module.exports, file);
  return loaded;
}

function requireEnvironment(env: NodeJS.ProcessEnv): void {
  if (amentPrefixes(env).length === 0) {
    throw new AgentError('ROS_MISSING', 'no ROS 2 environment: none is sourced, and bin/elderly-bot found none in /opt/ros or .ros2', {
      todo: 'run bin/setup in the checkout, which installs one, or install ROS 2; where it lies elsewhere, source its setup.sh first',
    });
  }
  const rmw = env.RMW_IMPLEMENTATION;
  if (rmw === undefined || rmw === '') return;
  // librcl checks this as it is loaded and ends the process, with no chance to say more; so it is checked before.
  const folders = [...(env.LD_LIBRARY_PATH ?? '').split(path.delimiter), ...amentPrefixes(env).map((prefix) => path.join(prefix, 'lib'))];
  if (folders.some((folder) => folder !== '' && existsSync(path.join(folder, `lib${rmw}.so`)))) return;
  throw new AgentError('ROS_MISSING', `RMW_IMPLEMENTATION is "${rmw}", and no lib${rmw}.so is in this ROS environment`, {
    todo: `unset it for the default, or apt install ${aptName(rmw, env.ROS_DISTRO)}`,
  });
}

function rclnodejsFolder(): string {
  try {
    return path.dirname(createRequire(import.meta.url).resolve('rclnodejs/package.json'));
  } catch (error) {
    throw new AgentError('ROS_MISSING', 'rclnodejs is not installed', {
      todo: 'run bin/setup in an environment with ROS 2',
      cause: error,
    });
  }
}

/** The file rclnodejs would load: its prebuilt one for exactly this ROS, Ubuntu and processor, else the one built here. */
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
    todo: 'run bin/setup to build it',
  });
}

function codename(): string {
  try {
    return /^VERSION_CODENAME=(.*)$/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1]?.trim() ?? 'unknown';
  } catch {
    return 'unknown';
  }
}

function requireFunctions(exports: unknown, file: string): NativeBinding {
  const missing = USED.filter((name) => typeof (exports as Partial<Record<string, unknown>>)[name] !== 'function');
  if (missing.length === 0) return exports as NativeBinding;
  throw new AgentError('ROS_BINARY', `${file} has no ${missing.join(', ')}: it is not of rclnodejs 2.2.0`, {
    todo: 'run npm ci, then bin/setup',
  });
}
