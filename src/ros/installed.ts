// Finds .msg files in the directory share/PACKAGE/msg of each prefix in AMENT_PREFIX_PATH. If a type is missing, the error names the
// package to install.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { AgentError } from '../errors.ts';
import { parseTypeName, type TypeName } from './names.ts';

/** @returns the text of the type's .msg file. @throws AgentError ROS_TYPE_UNKNOWN */
export type DefinitionSource = (type: TypeName) => string;

/** @returns the install prefixes of the sourced ROS environment, highest priority first. Empty if no environment is sourced. */
export function amentPrefixes(env: NodeJS.ProcessEnv = process.env): string[] {
  return (env.AMENT_PREFIX_PATH ?? '').split(path.delimiter).filter((prefix) => prefix !== '');
}

/**
 * @returns the path of the .msg file. @throws AgentError ROS_TYPE_UNKNOWN if the name is malformed, or the package or the message is
 * missing.
 */
export function locateMessage(type: string, prefixes: readonly string[], distro = process.env.ROS_DISTRO): string {
  const { pkg, name, full } = parseTypeName(type);
  for (const prefix of prefixes) {
    const file = path.join(prefix, 'share', pkg, 'msg', `${name}.msg`);
    if (existsSync(file)) return file;
  }
  const home = prefixes.find((prefix) => existsSync(path.join(prefix, 'share', pkg)));
  if (home !== undefined) {
    const isIdlOnly = existsSync(path.join(home, 'share', pkg, 'msg', `${name}.idl`));
    const reason = isIdlOnly ? `${pkg} defines it in IDL only, which is not supported` : `package ${pkg} in ${home} has no message ${name}`;
    throw new AgentError('ROS_TYPE_UNKNOWN', `message type ${full}: ${reason}`, {
      remedy: `see which messages it has: ros2 interface package ${pkg}`,
      fields: { type: full, package: pkg },
    });
  }
  const where = prefixes.length === 0 ? 'no ROS environment is sourced: AMENT_PREFIX_PATH is empty' : `not in ${prefixes.join(', ')}`;
  throw unknownType(full, pkg, `package ${pkg} is not installed (${where})`, distro);
}

export function installedDefinitions(prefixes: readonly string[]): DefinitionSource {
  return ({ full }) => readFileSync(locateMessage(full, prefixes), 'utf8');
}

/** @returns the packages that have messages, in alphabetical order. */
export function installedPackages(prefixes: readonly string[]): string[] {
  const found = prefixes.flatMap((prefix) =>
    filesIn(path.join(prefix, 'share')).filter((pkg) => existsSync(path.join(prefix, 'share', pkg, 'msg'))),
  );
  return [...new Set(found)].sort();
}

/** @returns the names of a package's messages, such as `Bool`. The list is empty if the package is not installed. */
export function installedMessages(pkg: string, prefixes: readonly string[]): string[] {
  const files = prefixes.flatMap((prefix) => filesIn(path.join(prefix, 'share', pkg, 'msg')));
  return [...new Set(files.filter((file) => file.endsWith('.msg')).map((file) => file.slice(0, -'.msg'.length)))].sort();
}

function filesIn(folder: string): string[] {
  return existsSync(folder) ? readdirSync(folder) : [];
}

/** @returns the command that installs a package beside the others: with pip into a prefix of Python wheels, else with apt. */
export function installCommand(pkg: string, prefixes: readonly string[], distro = process.env.ROS_DISTRO): string {
  const wheels = prefixes.find((prefix) => existsSync(path.join(prefix, 'pyvenv.cfg')));
  if (wheels === undefined) return `sudo apt install ${aptName(pkg, distro)}`;
  const python = path.join(wheels, 'bin', 'python');
  const near = path.relative(process.cwd(), python);
  return `${near.startsWith('..') ? python : near} -m pip install --no-deps ros-${pkg.replaceAll('_', '-')}`;
}

/** @returns the name of the Debian package that installs a ROS package, such as `ros-kilted-sensor-msgs`. */
export function aptName(pkg: string, distro = process.env.ROS_DISTRO): string {
  return `ros-${distro || '<distro>'}-${pkg.replaceAll('_', '-')}`;
}

export function unknownType(type: string, pkg: string, reason: string, distro?: string): AgentError {
  return new AgentError('ROS_TYPE_UNKNOWN', `message type ${type}: ${reason}`, {
    remedy: `install it (apt install ${aptName(pkg, distro)}), or source the workspace that builds ${pkg}`,
    fields: { type, package: pkg },
  });
}
