// Checks that a message type is installed. For a missing package it names the installation command, for a mistyped name the nearest type.
// Pure: the caller passes the definitions.
import { nearest } from '../config/index.ts';
import type { Struct } from '../ros/index.ts';
import type { EntryFindings } from './finding.ts';

/** The message definitions of a machine. */
export interface Definitions {
  /** The names of all packages that have messages. */
  readonly packages: readonly string[];
  /** @returns the names of the package's messages, such as `Bool`. */
  messagesOf(pkg: string): readonly string[];
  /** @returns the fields of an installed message, or the reason why its definition cannot be used. */
  define(type: string): Struct | { readonly reason: string };
  /** @returns the command that installs a package on this machine. */
  installCommand(pkg: string): string;
}

/** @returns the fields of the type; undefined if the type cannot be used, which is then a finding. */
export function structOf(type: string, definitions: Definitions, findings: EntryFindings, key = 'type'): Struct | undefined {
  const [pkg = '', name = ''] = type.split('/msg/');
  const messages = definitions.messagesOf(pkg);
  if (messages.includes(name)) {
    const found = definitions.define(type);
    if (!('reason' in found)) return found;
    findings.error([key], found.reason);
    return undefined;
  }
  const other = installedUnder(name, definitions);
  if (messages.length > 0) {
    const better = nearest(name, messages) ?? messages.find((each) => each.endsWith(name) || each.includes(name));
    const guess = better === undefined ? other : `${pkg}/msg/${better}`;
    const list = messages.length <= 8 ? `; it has ${messages.join(', ')}` : '';
    const hint = guess === undefined ? list : `, did you mean ${better ?? guess}?`;
    findings.error([key], `package ${pkg} has no message ${name}${hint}`, { suggestion: guess && `type: ${guess}` });
    return undefined;
  }
  const mistyped = nearest(
    pkg,
    definitions.packages.filter((each) => definitions.messagesOf(each).includes(name)),
  );
  if (mistyped !== undefined && mistyped !== pkg) {
    findings.error([key], `package ${pkg} is not installed, did you mean ${mistyped}?`, { suggestion: `type: ${mistyped}/msg/${name}` });
    return undefined;
  }
  // The configuration may be meant for another machine, so this is no fault of the configuration.
  const reason = `not checked, because package ${pkg} of the type ${type} is not installed here; without it this entry does not work`;
  findings.warning([key], reason, { command: definitions.installCommand(pkg) });
  return undefined;
}

/** @returns the installed type with exactly this name in any package, if there is only one. */
function installedUnder(name: string, { packages, messagesOf }: Definitions): string | undefined {
  const owners = packages.filter((pkg) => messagesOf(pkg).includes(name));
  return owners.length === 1 ? `${owners[0]}/msg/${name}` : undefined;
}
