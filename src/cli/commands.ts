// `elderly-bot commands`: what the configuration lets the cloud do, each with a line to paste. `commands log`: the journal.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { ACTIONS } from '../agent/commands/builtin.ts';
import { configFlag } from '../base/index.ts';
import { argumentSchema } from '../commands/index.ts';
import { type ArgumentConfig, type CommandConfig, loadConfig, publicationsOf } from '../config/index.ts';
import { AgentError } from '../errors.ts';
import { type LoggedCommand, OUTBOX_FILE, readJournal } from '../outbox/index.ts';
import { salvaged } from './salvaged.ts';

export async function commands(file: string | undefined, json: boolean): Promise<number> {
  const { config } = loadConfig(file, process.env);
  const flag = configFlag(file);
  const listed = Object.entries(config.commands).map(([name, command]) => ({
    name,
    args: argumentSchema(command),
    motion: command.motion,
    available: isAvailable(command),
    example: `elderly-bot send ${[name, ...exampleOf(command)].join(' ')}${flag}`,
    command,
  }));
  if (json) process.stdout.write(`${JSON.stringify(listed.map(({ command: _, ...each }) => each))}\n`);
  else process.stdout.write(listed.map(({ name, command, example }) => `${describe(name, command)}\n    ${example}\n`).join(''));
  return 0;
}

export async function log(file: string | undefined, limit: number, json: boolean): Promise<number> {
  const config = salvaged(file);
  const journal = join(config.state_dir, OUTBOX_FILE);
  if (!existsSync(journal)) {
    throw new AgentError('OUTBOX_MISSING', `there is no outbox in state_dir ${config.state_dir}`, {
      remedy: 'give the configuration the agent runs with (--config), as the user it runs as',
    });
  }
  const entries = readJournal(journal, limit);
  if (json) process.stdout.write(`${JSON.stringify(entries)}\n`);
  else process.stdout.write(entries.length === 0 ? `no commands yet in ${config.state_dir}\n` : entries.map(line).join(''));
  return 0;
}

function isAvailable({ does }: CommandConfig): boolean {
  return does === undefined || (ACTIONS as readonly string[]).includes(does);
}

function describe(name: string, command: CommandConfig): string {
  const args = Object.entries(command.args).map(([arg, rules]) => `${arg}: ${limitsOf(rules)}`);
  const parts = [
    command.does
      ? `the agent's own ${command.does}`
      : publicationsOf(command)
          .map(({ topic, type }) => `${topic} ${type}`)
          .join(' and '),
    ...args,
    ...(command.motion ? ['MOVES THE ROBOT'] : []),
    ...command.when.map(({ text }) => `when ${text}`),
    ...(command.confirm ? [`done once ${command.confirm.topic} shows it`] : []),
    ...(command.legacy ? ['also without id and expiry'] : []),
    `${command.rate} a minute, valid for ${command.ttl / 1_000} s`,
    ...(isAvailable(command) ? [] : ['NOT AVAILABLE in this version']),
  ];
  return `${name.padEnd(13)} ${parts.join('; ')}`;
}

function limitsOf({ type, min, max, enum: words, choices, unit, default: value, max_length: most }: ArgumentConfig): string {
  const names = words ?? (choices && Object.keys(choices));
  const range = min === undefined && max === undefined ? '' : ` ${min ?? ''} to ${max ?? ''}`;
  const kind = names ? names.join(' or ') : `${type}${range}${type === 'string' ? ` of at most ${most}` : ''}`;
  return `${kind}${unit ? ` ${unit}` : ''}${value === undefined ? '' : ` (${value})`}`;
}

/** Arguments that would be taken. */
function exampleOf({ args }: CommandConfig): string[] {
  const needed = Object.entries(args).filter(([, { required, default: value }]) => required && value === undefined);
  const shown = needed.length > 0 ? needed : Object.entries(args).slice(0, 1);
  return shown.map(([name, rules]) => (name === 'value' ? exampleValue(rules) : `${name}=${exampleValue(rules)}`));
}

function exampleValue({ type, min, max, enum: words, choices, default: value }: ArgumentConfig): string {
  const [name] = words ?? Object.keys(choices ?? {});
  if (name !== undefined) return name;
  if (type === 'boolean') return 'true';
  if (type === 'string') return '"Good morning"';
  return String(value || Math.min(max ?? 1, Math.max(min ?? 1, 1)));
}

function line({ id, command, state, result, startedAtMs }: LoggedCommand): string {
  const end = result ? [result.status, result.reason, result.detail].filter(Boolean).join(', ') : state;
  return `${new Date(startedAtMs).toISOString()}  ${id.padEnd(22)} ${command.padEnd(13)} ${end}\n`;
}
