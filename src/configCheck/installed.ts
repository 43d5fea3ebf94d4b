// Reads the message definitions of this machine. It starts no ROS node and loads no native module.
import { existsSync } from 'node:fs';
import { AgentError } from '../errors.ts';
import { amentPrefixes, defineStruct, installCommand, installedDefinitions, installedMessages, installedPackages } from '../ros/index.ts';
import type { Definitions } from './types.ts';

/** @returns the definitions of the ROS environment that bin/with-ros found; undefined if it found none. */
export function installedHere(env: NodeJS.ProcessEnv = process.env): Definitions | undefined {
  const prefixes = amentPrefixes(env).filter((prefix) => existsSync(prefix));
  const packages = installedPackages(prefixes);
  if (packages.length === 0) return undefined;
  const source = installedDefinitions(prefixes);
  const messages = new Map<string, readonly string[]>();
  return {
    packages,
    messagesOf: (pkg) => {
      const known = messages.get(pkg) ?? installedMessages(pkg, prefixes);
      messages.set(pkg, known);
      return known;
    },
    define: (type) => {
      try {
        return defineStruct(type, source);
      } catch (error) {
        if (!(error instanceof AgentError)) throw error;
        return { reason: error.message };
      }
    },
    installCommand: (pkg) => installCommand([pkg], { prefixes, distro: env.ROS_DISTRO }),
  };
}
