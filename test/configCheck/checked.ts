// Runs `config check` in this process on a text of YAML, with the message definitions of this machine.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type LoadedConfig, loadConfig } from '../../src/config/index.ts';
import { type CheckReport, type ConfigFinding, checkConfig, type Definitions, installedHere } from '../../src/configCheck/index.ts';

export const definitions = installedHere();

/** For a test's `skip`: the reason why there are no message definitions, or false. */
export const skip: string | false = definitions === undefined ? 'no ROS 2 environment (start the tests with bin/with-ros)' : false;

export interface Checked extends CheckReport {
  readonly loaded: LoadedConfig;
}

/** One file for all texts, because a folder for each takes longer than the check. */
const folder = mkdtempSync(join(tmpdir(), 'elderly-bot-check-'));
process.once('exit', () => rmSync(folder, { recursive: true }));
const file = join(folder, 'robot.yaml');

const everyFileExists = (_file: string) => true;

/** @param known null for a machine without message definitions. */
export function checkedText(
  yaml: string,
  known: Definitions | null = definitions ?? null,
  exists: (file: string) => boolean = everyFileExists,
): Checked {
  writeFileSync(file, yaml);
  return checkedFile(file, known, exists);
}

export function checkedFile(file: string | undefined, known: Definitions | null = definitions ?? null, exists = everyFileExists): Checked {
  const loaded = loadConfig(file, {});
  return { ...checkConfig({ ...loaded, definitions: known ?? undefined, exists }), loaded };
}

/** @returns the findings on one channel, whose entry is written as a flow map. */
export function findingsOf(entry: string, name = 'probe'): readonly ConfigFinding[] {
  return checkedText(`channels:\n  ${name}: { ${entry} }\n`).findings.filter((finding) => finding.entry === `channels.${name}`);
}
