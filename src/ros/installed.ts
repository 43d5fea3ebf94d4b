// Finds .msg files in the directory share/PACKAGE/msg of each prefix in AMENT_PREFIX_PATH. If a type is missing, the error names the
// package to install.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { AgentError } from '../errors.ts';
import { type RosEnvironment, sourcedEnvironment, unknownType } from './install.ts';
import { parseTypeName, type TypeName } from './names.ts';

/** @returns the text of the type's .msg file. @throws AgentError ROS_TYPE_UNKNOWN */
export type DefinitionSource = (type: TypeName) => string;

/**
 * @returns the path of the .msg file. @throws AgentError ROS_TYPE_UNKNOWN if the name is malformed, or the package or the message is
 * missing.
 */
export function locateMessage(type: string, environment: RosEnvironment = sourcedEnvironment()): string {
  const { prefixes } = environment;
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
      remedy: `it has ${installedMessages(pkg, prefixes).join(', ') || 'no messages'}`,
      fields: { type: full, package: pkg },
    });
  }
  const where = prefixes.length === 0 ? 'no ROS environment is sourced: AMENT_PREFIX_PATH is empty' : `not in ${prefixes.join(', ')}`;
  throw unknownType(full, pkg, `package ${pkg} is not installed (${where})`, environment);
}

export function installedDefinitions(prefixes: readonly string[]): DefinitionSource {
  return ({ full }) => readFileSync(locateMessage(full, { prefixes, distro: process.env.ROS_DISTRO }), 'utf8');
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
