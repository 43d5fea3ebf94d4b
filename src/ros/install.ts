// Names the command that installs a missing ROS package on this machine. Every text with such advice takes it from here.
import { existsSync } from 'node:fs';
import path from 'node:path';
import { AgentError } from '../errors.ts';

/** A ROS environment. By default the sourced one. */
export interface RosEnvironment {
  /** The install prefixes, as in AMENT_PREFIX_PATH. */
  readonly prefixes: readonly string[];
  readonly distro?: string | undefined;
}

/** @returns the install prefixes of the sourced ROS environment, highest priority first. Empty if no environment is sourced. */
export function amentPrefixes(env: NodeJS.ProcessEnv = process.env): string[] {
  return (env.AMENT_PREFIX_PATH ?? '').split(path.delimiter).filter((prefix) => prefix !== '');
}

export function sourcedEnvironment(env: NodeJS.ProcessEnv = process.env): RosEnvironment {
  return { prefixes: amentPrefixes(env), distro: env.ROS_DISTRO };
}

/** @returns the command that installs packages beside the others: with pip into a prefix of Python wheels, else with apt. */
export function installCommand(packages: readonly string[], { prefixes, distro }: RosEnvironment = sourcedEnvironment()): string {
  const names = packages.map((pkg) => pkg.replaceAll('_', '-'));
  const wheels = prefixes.find((prefix) => existsSync(path.join(prefix, 'pyvenv.cfg')));
  if (wheels === undefined) return `sudo apt install ${names.map((name) => `ros-${distro || '<distro>'}-${name}`).join(' ')}`;
  const python = path.join(wheels, 'bin', 'python');
  const near = path.relative(process.cwd(), python);
  return `${near.startsWith('..') ? python : near} -m pip install --no-deps ${names.map((name) => `ros-${name}`).join(' ')}`;
}

export function unknownType(type: string, pkg: string, reason: string, environment: RosEnvironment = sourcedEnvironment()): AgentError {
  const remedy =
    environment.prefixes.length === 0
      ? 'source ROS 2, or run bin/setup in the checkout, which installs it'
      : `install it (${installCommand([pkg], environment)}), or source the workspace that builds ${pkg}`;
  return new AgentError('ROS_TYPE_UNKNOWN', `message type ${type}: ${reason}`, { remedy, fields: { type, package: pkg } });
}
