// `elderly-bot commands`: lists the configured commands, each with an example to paste. `commands log` prints received commands,
// and `commands sign` a signed one.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { ACTIONS } from '../agent/commands/commands.ts';
import { configFlag, present, print } from '../base/index.ts';
import { argumentSchema } from '../commands/index.ts';
import { type ArgumentConfig, type CommandConfig, loadConfig, publicationsOf } from '../config/index.ts';
import { AgentError } from '../errors.ts';
import { asUnreadable, type LoggedCommand, OUTBOX_FILE, readCommandLog } from '../outbox/index.ts';
import { loadSalvaged } from './shared.ts';
import { commandFrom, type TypedCommand } from './typedCommand.ts';

export async function commands(file: string | undefined, json: boolean): Promise<number> {
  const entries = Object.entries(loadConfig(file, process.env).config.commands);
  const listed = entries.map(([name, command]) => ({
    name,
    args: argumentSchema(command),
    motion: command.motion,
    signed: command.signed,
    available: isAvailable(command),
    example: exampleOf(name, command, file),
  }));
  if (json) await print(JSON.stringify(listed));
  else for (const [name, command] of entries) await print(describe(name, command, file));
  return 0;
}

/** Prints a signed command, as an app of the family would send it. @throws AgentError FAMILY_KEY_INVALID or KEY_PERMISSIONS */
export async function sign({ config, ...typed }: TypedCommand & { readonly config: string | undefined }): Promise<number> {
  await print(JSON.stringify(await commandFrom(loadSalvaged(config, ['thing', 'commands']), typed)));
  return 0;
}

export async function log(file: string | undefined, limit: number, json: boolean): Promise<number> {
  const { state_dir: stateDir } = loadSalvaged(file);
  const journal = join(stateDir, OUTBOX_FILE);
  if (!existsSync(journal)) {
    throw new AgentError('OUTBOX_MISSING', `there is no outbox in state_dir ${stateDir}`, {
      remedy: 'give the configuration of the agent with --config, and run this as the user of the agent',
    });
  }
  const entries = readEntries(journal, limit);
  await present(entries, json, (found) => (found.length === 0 ? `no commands yet in ${stateDir}` : found.map(logLine)));
  return 0;
}

function readEntries(journal: string, limit: number): LoggedCommand[] {
  try {
    return readCommandLog(journal, limit);
  } catch (error) {
    throw asUnreadable(journal, error);
  }
}

function isAvailable({ does }: CommandConfig): boolean {
  return does === undefined || (ACTIONS as readonly string[]).includes(does);
}

function describe(name: string, command: CommandConfig, file: string | undefined): string[] {
  const published = publicationsOf(command).map(({ topic, type }) => `${topic} ${type}`);
  const parts = [
    command.does ? `the agent's own ${command.does}` : published.join(' and '),
    ...Object.entries(command.args).map(([arg, rules]) => `${arg}: ${limitsOf(rules)}`),
    ...(command.motion ? ['MOVES THE ROBOT'] : []),
    ...(command.signed === 'off' ? [] : [command.signed === 'required' ? 'must be signed by a family key' : 'may be signed']),
    ...command.when.map(({ text }) => `when ${text}`),
    ...(command.confirm ? [`confirmed by ${command.confirm.topic}`] : []),
    ...(command.legacy ? ['id and expiry are optional'] : []),
    `at most ${command.rate} a minute, valid for ${command.ttl / 1_000} s`,
    ...(isAvailable(command) ? [] : ['NOT AVAILABLE in this version']),
  ];
  return [`${name.padEnd(13)} ${parts.join('; ')}`, `    ${exampleOf(name, command, file)}`];
}

function limitsOf({ type, min, max, enum: words, choices, unit, default: value, max_length: most }: ArgumentConfig): string {
  const names = words ?? (choices && Object.keys(choices));
  const range = min === undefined && max === undefined ? '' : ` ${min ?? ''} to ${max ?? ''}`;
  const kind = names ? names.join(' or ') : `${type}${range}${type === 'string' ? ` with at most ${most} characters` : ''}`;
  return `${kind}${unit ? ` ${unit}` : ''}${value === undefined ? '' : ` (${value})`}`;
}

/** A command line to paste. It sets every required argument or, if no argument is required, the first one to show the syntax. */
function exampleOf(name: string, { args, signed }: CommandConfig, file: string | undefined): string {
  const needed = Object.entries(args).filter(([, { required, default: value }]) => required && value === undefined);
  const shown = needed.length > 0 ? needed : Object.entries(args).slice(0, 1);
  const words = shown.map(([arg, rules]) => (arg === 'value' ? exampleValue(rules) : `${arg}=${exampleValue(rules)}`));
  const key = signed === 'required' ? ' --sign KEYFILE' : '';
  return `elderly-bot send ${[name, ...words].join(' ')}${key}${configFlag(file)}`;
}

function exampleValue({ type, min, max, enum: words, choices, default: value }: ArgumentConfig): string {
  const [name] = words ?? Object.keys(choices ?? {});
  if (name !== undefined) return name;
  if (type === 'boolean') return 'true';
  if (type === 'string') return '"Good morning"';
  return String(value || Math.min(max ?? 1, Math.max(min ?? 1, 1)));
}

function logLine({ id, command, state, result, startedAtMs, times, lastAtMs }: LoggedCommand): string {
  const outcome = result ? [result.status, result.reason, result.detail].filter(Boolean).join(', ') : state;
  const again = times === 1 ? '' : ` (${times} times, the last at ${new Date(lastAtMs).toISOString()})`;
  return `${new Date(startedAtMs).toISOString()}  ${(id ?? 'without id').padEnd(22)} ${(command || '-').padEnd(13)} ${outcome}${again}`;
}
