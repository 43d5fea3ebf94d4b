// Finds the alert channels whose entry contradicts the definition of its message type. No message can ever raise such an alert, and a detector
// that publishes only in an emergency would show that too late.
import { existsSync } from 'node:fs';
import type { LoadedConfig } from '../../config/index.ts';
import { type ConfigFinding, checkConfig, installedHere } from '../../configCheck/index.ts';

export type Contradiction = Pick<ConfigFinding, 'reason' | 'suggestion'>;

/** @returns the first error of each alert channel, by the channel's name. Empty if the machine has no message definitions. */
export function contradictions(loaded: LoadedConfig): ReadonlyMap<string, Contradiction> {
  const { findings } = checkConfig({ ...loaded, definitions: installedHere(), exists: existsSync });
  const errors = findings.filter(({ severity }) => severity === 'error');
  return new Map(
    Object.entries(loaded.config.channels).flatMap(([name, channel]) => {
      const found = errors.find(({ entry }) => entry === `channels.${name}`);
      return channel.class === 'alert' && found !== undefined ? [[name, found]] : [];
    }),
  );
}
