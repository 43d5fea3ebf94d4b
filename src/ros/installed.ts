// Finds message definitions in share/PACKAGE/msg of each prefix in AMENT_PREFIX_PATH. A missing type is an error with the package to install.
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { AgentError } from '../errors.ts';
import { parseTypeName, type TypeName } from './names.ts';

/** Returns the text of a .msg file. @throws AgentError ROS_TYPE_UNKNOWN */
export type DefinitionSource = (type: TypeName) => string;

/** The prefixes of the sourced ROS environment, the first has priority; empty without a sourced environment. */
export function amentPrefixes(env: NodeJS.ProcessEnv = process.env): string[] {
  return (env.AMENT_PREFIX_PATH ?? '').split(path.delimiter).filter((prefix) => prefix !== '');
}

/** @throws AgentError ROS_TYPE_UNKNOWN with the reason: a malformed name, a missing package or a missing message. */
export function locateMessage(type: string, prefixes: readonly string[], distro = process.env.ROS_DISTRO): string {
  const { pkg, name, full } = parseTypeName(type);
  for (const prefix of prefixes) {
    const file = path.join(prefix, 'share', pkg, 'msg', `${name}.msg`);
    if (existsSync(file)) return file;
  }
  const home = prefixes.find((prefix) => existsSync(path.join(prefix, 'share', pkg)));
  if (home !== undefined) throw missingMessage(full, pkg, name, home);
  const where = prefixes.length === 0 ? 'no ROS environment is sourced: AMENT_PREFIX_PATH is empty' : `not in ${prefixes.join(', ')}`;
  throw unknownType(full, pkg, `package ${pkg} is not installed (${where})`, distro);
}

export function installedDefinitions(prefixes: readonly string[]): DefinitionSource {
  return ({ full }) => readFileSync(locateMessage(full, prefixes), 'utf8');
}

/** The Debian name of a ROS package: `ros-kilted-sensor-msgs`. */
export function aptName(pkg: string, distro = process.env.ROS_DISTRO): string {
  return `ros-${distro || '<distro>'}-${pkg.replaceAll('_', '-')}`;
}

export function unknownType(type: string, pkg: string, why: string, distro?: string): AgentError {
  return new AgentError('ROS_TYPE_UNKNOWN', `message type ${type}: ${why}`, {
    remedy: `install it (apt install ${aptName(pkg, distro)}), or source the workspace that builds ${pkg}`,
    fields: { type, package: pkg },
  });
}

function missingMessage(type: string, pkg: string, name: string, home: string): AgentError {
  const idlOnly = existsSync(path.join(home, 'share', pkg, 'msg', `${name}.idl`));
  const why = idlOnly ? `${pkg} defines it in IDL only, which is not supported` : `package ${pkg} in ${home} has no message ${name}`;
  return new AgentError('ROS_TYPE_UNKNOWN', `message type ${type}: ${why}`, {
    remedy: `see which messages it has: ros2 interface package ${pkg}`,
    fields: { type, package: pkg },
  });
}
