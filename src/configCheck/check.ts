// Checks a valid configuration against the message definitions of a machine. Pure: the caller passes configuration and definitions.
import { brokerOf, type Config, type LoadedConfig } from '../config/index.ts';
import { checkCamera } from './cameras.ts';
import { checkChannel, checkQos } from './channels.ts';
import { checkCommand } from './commands.ts';
import type { ValueKind } from './field.ts';
import { type ConfigFinding, EntryFindings, type Unchecked } from './finding.ts';
import { checkReflex } from './reflex.ts';
import { checkTopics } from './topics.ts';
import type { Definitions } from './types.ts';

export interface CheckInput extends Pick<LoadedConfig, 'config' | 'origin' | 'defaultOf'> {
  /** Undefined if the machine has no message definitions. */
  readonly definitions: Definitions | undefined;
  /** Whether a file exists. Relative paths in the configuration have been resolved. */
  readonly exists: (file: string) => boolean;
}

export interface CheckReport {
  readonly findings: readonly ConfigFinding[];
  readonly unchecked: readonly Unchecked[];
}

export function checkConfig({ config, definitions, exists, ...layers }: CheckInput): CheckReport {
  const findings: ConfigFinding[] = [];
  const unchecked: Unchecked[] = [];
  const kinds = new Map<string, ValueKind>();
  for (const [name, channel] of Object.entries(config.channels)) {
    const entry = new EntryFindings(['channels', name], layers);
    const kind = checkChannel(channel, definitions, entry);
    checkQos(channel, entry);
    // Conditions of commands compare with the reading, which is the state of the alert with `as: alert`.
    if (kind) kinds.set(name, channel.report.as === 'alert' ? { kind: 'boolean', type: 'state of an alert' } : kind);
    findings.push(...entry.list);
    if (channel.type === undefined)
      unchecked.push({ entry: entry.entry, reason: 'type: auto selects the type of the publishers, which is known only at run time' });
  }
  for (const [name, command] of Object.entries(definitions === undefined ? {} : config.commands)) {
    const entry = new EntryFindings(['commands', name], layers);
    if (definitions) checkCommand(command, definitions, kinds, entry);
    findings.push(...entry.list);
  }
  if (config.reflex && definitions) {
    const entry = new EntryFindings(['reflex'], layers);
    checkReflex(config.reflex, definitions, entry);
    findings.push(...entry.list);
  }
  for (const [name, camera] of Object.entries(config.cameras)) {
    const entry = new EntryFindings(['cameras', name], layers);
    checkCamera(camera, definitions, entry);
    findings.push(...entry.list);
  }
  findings.push(...checkTopics(config, layers));
  const sections: EntryFindings[] = [];
  const section = (name: string) => {
    const entry = new EntryFindings([name], layers);
    sections.push(entry);
    return entry;
  };
  checkUplinks(config, section('mqtt'));
  checkFiles(config, exists, section);
  return { findings: [...findings, ...sections.flatMap(({ list }) => list)], unchecked };
}

/** A robot with nothing but a modem would deliver no reading, which its name alone should not decide. */
function checkUplinks({ mqtt }: Config, entry: EntryFindings): void {
  const { interfaces } = brokerOf(mqtt);
  if (interfaces.some(({ isMetered }) => !isMetered) || !mqtt.uplinks.some((uplink) => typeof uplink === 'string')) return;
  const reason =
    'each network interface of mqtt.uplinks is metered, so no reading, event or picture ever leaves the robot; say with metered: true or false whether that is right';
  const allowed = interfaces.map(({ name }) => `{interface: ${name}, metered: false}`);
  entry.warning(['uplinks'], reason, { suggestion: `uplinks: [${allowed.join(', ')}]` });
}

/** Robots can be checked before their certificates arrive, so a missing file is a warning. */
function checkFiles({ mqtt, provisioning }: Config, exists: (file: string) => boolean, entry: (section: string) => EntryFindings): void {
  const files = {
    mqtt: { root_ca: mqtt.root_ca, cert_file: mqtt.cert_file, private_key: mqtt.private_key },
    provisioning: provisioning.template === null ? {} : { claim_cert: provisioning.claim_cert, claim_key: provisioning.claim_key },
  };
  for (const [section, named] of Object.entries(files)) {
    const findings = entry(section);
    for (const [key, file] of Object.entries(named)) {
      if (file === null || file === undefined || exists(file)) continue;
      findings.warning(
        [key],
        `${key} is ${file}, which does not exist, so the agent will not start; copy the file there, or correct the path`,
      );
    }
  }
}
