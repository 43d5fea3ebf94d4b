// Finds the channels that can never work, by the message definitions of this machine. A detector that publishes only in an emergency shows
// such a fault in no other way before it is needed.
import { existsSync } from 'node:fs';
import type { LoadedConfig } from '../config/index.ts';
import { checkConfig } from './check.ts';
import type { ConfigFinding } from './finding.ts';
import { installedHere } from './installed.ts';

/** @returns the first error of each faulty channel, by the channel's name. */
export function channelErrors(loaded: LoadedConfig): ReadonlyMap<string, ConfigFinding> {
  const { findings } = checkConfig({ ...loaded, definitions: installedHere(), exists: existsSync });
  const errors = findings.filter(({ severity }) => severity === 'error');
  return new Map(
    Object.keys(loaded.config.channels).flatMap((name) => {
      const found = errors.find(({ entry }) => entry === `channels.${name}`);
      return found === undefined ? [] : [[name, found]];
    }),
  );
}
