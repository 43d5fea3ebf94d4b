// `elderly-bot config check`: validates a configuration, and compares it with the message definitions that are installed on this machine.
// It does not start ROS.
import { existsSync } from 'node:fs';
import { print, setupProgram } from '../base/index.ts';
import { effectiveConfig, inWords, type LoadedConfig, loadConfig } from '../config/index.ts';
import { type CheckReport, type ConfigFinding, checkConfig, installedHere } from '../configCheck/index.ts';
import { AgentError } from '../errors.ts';
import { FamilyKeys, keyGap } from '../signing/index.ts';
import { remark } from './shared.ts';

/** Keys that every robot has to set for itself: print a warning if they still have their default values. */
const OWN_KEYS = ['thing', 'mqtt.endpoint'];

/** A finding with its position, as `--json` prints it. */
interface PlacedFinding {
  readonly severity: ConfigFinding['severity'];
  /** The position as `file:line:column`. */
  readonly place: string;
  /** The faulty key; null if the file is not valid YAML. */
  readonly entry: string | null;
  readonly reason: string;
  readonly suggestion: string | null;
  readonly command: string | null;
}

interface Report {
  readonly findings: readonly PlacedFinding[];
  readonly unchecked: CheckReport['unchecked'];
  /** Whether any message definitions are installed on this machine. */
  readonly definitions: boolean;
}

/** @throws AgentError CONFIG_INVALID with one line per fault. With `json`, prints the faults and returns an exit code instead. */
export async function check(file: string | undefined, json: boolean): Promise<number> {
  if (json) {
    const report = reportOrFaults(file);
    const isValid = !report.findings.some(({ severity }) => severity === 'error');
    await print(JSON.stringify({ file: file ?? null, valid: isValid, ...report }));
    return isValid ? 0 : 2;
  }
  const loaded = loadConfig(file, process.env);
  const { config } = loaded;
  const { findings, definitions } = reportOf(loaded);
  for (const finding of findings) if (finding.severity === 'warning') remark(`warning: ${described(finding)}`);
  const errors = findings.filter(({ severity }) => severity === 'error');
  if (errors.length > 0) throw new AgentError('CONFIG_INVALID', errors.map(described));
  const [channels, commands] = [config.channels, config.commands].map((entries) => Object.keys(entries).join(', '));
  await print(`${file ?? 'the default configuration (no file was given)'} is valid: channels ${channels}; commands ${commands}`);
  if (!definitions) await print(notChecked());
  const missing = effectiveConfig(file, process.env).filter(({ key, from }) => OWN_KEYS.includes(key) && from === 'default');
  if (missing.length > 0) {
    const values = missing.map(({ key, value }) => `${key} (${value})`);
    remark(`the file does not set ${values.join(' and ')}: this is the default, but a robot needs its own value`);
  }
  const family = new FamilyKeys(config.state_dir);
  const gap = keyGap(config.commands, family.file, family.read());
  if (gap) remark(`${gap.text}; on the robot, elderly-bot pair add --help shows how to pair one`);
  return 0;
}

function reportOf({ place, ...loaded }: LoadedConfig): Report {
  const definitions = installedHere();
  const { findings, unchecked } = checkConfig({ ...loaded, definitions, exists: existsSync });
  const placed = findings.map(
    ({ path, severity, entry, reason, suggestion, command }): PlacedFinding => ({
      severity,
      place: place(path),
      entry,
      reason,
      suggestion,
      command,
    }),
  );
  return { findings: placed, unchecked, definitions: definitions !== undefined };
}

/** If the schema refuses the configuration, the report contains only the schema's faults, because nothing else can be checked. */
function reportOrFaults(file: string | undefined): Report {
  try {
    return reportOf(loadConfig(file, process.env));
  } catch (error) {
    if (!(error instanceof AgentError)) throw error;
    const findings = error.message.split('\n').map((line): PlacedFinding => {
      const [, place = file ?? '', text = line] = /^(.*?:\d+:\d+): (.*)$/.exec(line) ?? [];
      const entry = /^([a-z_]+(?:\.\S+)?) is /.exec(text)?.[1] ?? null;
      return { severity: 'error', place, entry, reason: text, suggestion: null, command: null };
    });
    return { findings, unchecked: [], definitions: installedHere() !== undefined };
  }
}

function described({ place, entry, reason, suggestion, command }: PlacedFinding): string {
  const line = suggestion === null ? '' : `; ${inWords(suggestion)}`;
  return `${place}: ${entry}: ${reason}${line}${command === null ? '' : `; install it with: ${command}, or source the workspace that builds it`}`;
}

function notChecked(): string {
  const setup = setupProgram();
  const remedy = setup === undefined ? 'source ROS 2' : `run ${setup}, or source ROS 2`;
  return `not checked, because this machine has no ROS message definitions: types, fields and conditions of channels and commands; ${remedy} and repeat this command`;
}
