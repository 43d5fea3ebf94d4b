// Checks a valid configuration against the message definitions of a machine. Pure: the caller passes configuration and definitions.
import type { LoadedConfig } from '../config/index.ts';
import { checkChannel } from './channels.ts';
import { checkCommand } from './commands.ts';
import type { ValueKind } from './field.ts';
import { checkFiles } from './files.ts';
import { type ConfigFinding, EntryFindings, type Unchecked } from './finding.ts';
import type { Definitions } from './types.ts';

export interface CheckInput extends Pick<LoadedConfig, 'config' | 'origin'> {
  /** Undefined if the machine has no message definitions. */
  readonly definitions: Definitions | undefined;
  /** Whether a file exists. Relative paths in the configuration have been resolved. */
  readonly exists: (file: string) => boolean;
}

export interface CheckReport {
  readonly findings: readonly ConfigFinding[];
  readonly unchecked: readonly Unchecked[];
}

export function checkConfig({ config, origin, definitions, exists }: CheckInput): CheckReport {
  const findings: ConfigFinding[] = [];
  const unchecked: Unchecked[] = [];
  const kinds = new Map<string, ValueKind>();
  for (const [name, channel] of Object.entries(config.channels)) {
    const entry = new EntryFindings(['channels', name], origin);
    const kind = checkChannel(channel, definitions, entry);
    if (kind) kinds.set(name, kind);
    findings.push(...entry.list);
    if (channel.type === undefined)
      unchecked.push({ entry: entry.entry, reason: 'type: auto selects the type of the publishers, which is known only at run time' });
  }
  for (const [name, command] of Object.entries(definitions === undefined ? {} : config.commands)) {
    const entry = new EntryFindings(['commands', name], origin);
    if (definitions) checkCommand(command, definitions, kinds, entry);
    findings.push(...entry.list);
  }
  const sections: EntryFindings[] = [];
  checkFiles(config, exists, (section) => {
    const entry = new EntryFindings([section], origin);
    sections.push(entry);
    return entry;
  });
  return { findings: [...findings, ...sections.flatMap(({ list }) => list)], unchecked };
}
