// Judges from the environment who can join the ROS graph of this process: programs of this machine, every computer of the network, or only
// those with a key of SROS 2. A pure function.
import { isIP } from 'node:net';
import { addresses, discoveryServer } from './discovery.ts';

type Environment = Readonly<Record<string, string | undefined>>;

export interface Reach {
  /** `unknown`: a file of the DDS vendor decides, or another middleware. */
  readonly from: 'machine' | 'network' | 'key_holders' | 'unknown';
  /** The setting that decides. */
  readonly why: string;
}

/** They have no ROS_AUTOMATIC_DISCOVERY_RANGE, which came with Iron (REP 2000 lists the distributions). */
const WITHOUT_RANGE: ReadonlySet<string> = new Set(['foxy', 'galactic', 'humble']);
/** They still obey ROS_LOCALHOST_ONLY; Kilted ignores it (both tried with two network namespaces). */
const WITH_BOTH: ReadonlySet<string> = new Set(['iron', 'jazzy']);

/** The variable that keeps the nodes of this distribution on the machine. */
export function localSetting({ ROS_DISTRO: distro = '' }: Environment): string {
  return WITHOUT_RANGE.has(distro) ? 'ROS_LOCALHOST_ONLY=1' : 'ROS_AUTOMATIC_DISCOVERY_RANGE=LOCALHOST';
}

export function reachOf(env: Environment): Reach {
  const { ROS_SECURITY_ENABLE: enable, ROS_SECURITY_STRATEGY: strategy, ROS_SECURITY_KEYSTORE: keystore } = env;
  if (enable === 'true' && strategy === 'Enforce' && keystore) return { from: 'key_holders', why: `SROS 2 with the keystore ${keystore}` };
  const { RMW_IMPLEMENTATION: rmw = '' } = env;
  if (rmw !== '' && !/fastrtps|cyclonedds/.test(rmw)) return { from: 'unknown', why: `RMW_IMPLEMENTATION is ${rmw}` };
  return local(env) ?? remote(env) ?? profile(env) ?? open(env);
}

function local(env: Environment): Reach | undefined {
  const { ROS_DISTRO: distro = '', ROS_LOCALHOST_ONLY: only, ROS_AUTOMATIC_DISCOVERY_RANGE: range, ROS_STATIC_PEERS: peers = '' } = env;
  const isOld = WITHOUT_RANGE.has(distro);
  if (only === '1' && (isOld || WITH_BOTH.has(distro))) return { from: 'machine', why: 'ROS_LOCALHOST_ONLY is 1' };
  if (isOld || (range !== 'LOCALHOST' && range !== 'OFF')) return undefined;
  const others = peers.split(';').filter((peer) => peer !== '' && !isLoopback(peer));
  if (range === 'LOCALHOST' && others.length > 0) return { from: 'network', why: `ROS_STATIC_PEERS is ${peers}` };
  return { from: 'machine', why: `ROS_AUTOMATIC_DISCOVERY_RANGE is ${range}` };
}

/** @returns undefined if the nodes do not find each other through a server of another machine. */
function remote(env: Environment): Reach | undefined {
  const server = discoveryServer(env);
  if (server === undefined || addresses(server).every((address) => isLoopback(address.replace(/:\d+$/, '')))) return undefined;
  return { from: 'network', why: `ROS_DISCOVERY_SERVER is ${server}` };
}

function profile(env: Environment): Reach | undefined {
  const isCyclone = env.RMW_IMPLEMENTATION?.includes('cyclonedds') === true;
  const names = isCyclone ? ['CYCLONEDDS_URI'] : ['FASTRTPS_DEFAULT_PROFILES_FILE', 'FASTDDS_DEFAULT_PROFILES_FILE'];
  const name = names.find((each) => env[each]);
  return name === undefined ? undefined : { from: 'unknown', why: `the file in ${name} decides` };
}

function open(env: Environment): Reach {
  const { ROS_DISTRO: distro = '', ROS_AUTOMATIC_DISCOVERY_RANGE: range, ROS_LOCALHOST_ONLY: only } = env;
  if (WITHOUT_RANGE.has(distro)) return { from: 'network', why: 'ROS_LOCALHOST_ONLY is not 1' };
  const why = range ? `ROS_AUTOMATIC_DISCOVERY_RANGE is ${range}` : 'ROS_AUTOMATIC_DISCOVERY_RANGE is not set, which means SUBNET';
  return { from: 'network', why: only === '1' ? `${why}, and ${distro || 'this distribution'} ignores ROS_LOCALHOST_ONLY` : why };
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || (isIP(host) === 4 && host.startsWith('127.')) || host === '::1' || host === '[::1]';
}
