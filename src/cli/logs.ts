// `elderly-bot logs`: what the agent logged, from its files: beside a running agent, or after one that died.
import { join } from 'node:path';
import { setTimeout as after } from 'node:timers/promises';
import { codeOf, configFlag, messageOf, parseJson, print } from '../base/index.ts';
import { AgentError } from '../errors.ts';
import { type LogPosition, logFiles, readLines } from '../logs/index.ts';
import { askStatus } from '../status/index.ts';
import { salvaged } from './salvaged.ts';

export interface LogsOptions {
  readonly file: string | undefined;
  readonly json: boolean;
  readonly follow: boolean;
  /** As given: `10m`, or a time. */
  readonly since: string | undefined;
  readonly level: string;
}

const LOOK_EVERY_MS = 200;
const LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal'];

interface Line {
  readonly level?: unknown;
  readonly time?: unknown;
  readonly module?: unknown;
  readonly msg?: unknown;
}

export async function logs({ file, json, follow, since, level }: LogsOptions): Promise<number> {
  const stateDir = salvaged(file).state_dir;
  const folder = join(stateDir, 'logs');
  const sinceMs = since === undefined ? undefined : sinceOf(since);
  let position = startOf(folder, sinceMs);
  const stopped = new AbortController();
  process.once('SIGINT', () => stopped.abort());
  do {
    for await (const { text, next } of readLines(folder, position)) {
      position = next;
      if (isShown(text, sinceMs, LEVELS.indexOf(level))) await print(json ? text : shown(text));
      if (stopped.signal.aborted) break;
    }
    if (follow) await after(LOOK_EVERY_MS, undefined, { signal: stopped.signal }).catch(() => {});
  } while (follow && !stopped.signal.aborted);
  if (!follow && !json) await sayWhereElse(stateDir, file);
  return 0;
}

/** An agent that does not get as far as its log file says why on stderr alone. */
async function sayWhereElse(stateDir: string, file: string | undefined): Promise<void> {
  const runs = await askStatus(stateDir).then(
    () => true,
    () => false,
  );
  if (runs) return;
  process.stderr.write(
    `elderly-bot: no agent runs with this state_dir now; why one did not start is also in \`elderly-bot service logs\`, and \`elderly-bot doctor${configFlag(file)}\` says what to do\n`,
  );
}

/** @returns milliseconds since 1970. @throws AgentError for what is neither a duration nor a time. */
function sinceOf(text: string): number {
  const [, number, unit] = /^(\d+)(s|m|h|d)$/.exec(text) ?? [];
  const units: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };
  const ms = unit === undefined ? Date.parse(text) : Date.now() - Number(number) * (units[unit] ?? 0);
  if (Number.isFinite(ms)) return ms;
  throw new AgentError('LOGS_SINCE_INVALID', `--since ${text}: neither a duration such as 10m nor a time`, {
    remedy: 'give 30s, 10m, 2h, 3d, or a time such as 2026-11-23T04:00:00Z',
  });
}

/** Files written last before that time are not read at all. */
function startOf(folder: string, sinceMs: number | undefined): LogPosition {
  let files: ReturnType<typeof logFiles>;
  try {
    files = logFiles(folder);
  } catch (error) {
    const why = codeOf(error) === 'ENOENT' ? 'no agent has run on this state_dir yet' : messageOf(error);
    throw new AgentError('LOGS_MISSING', `no logs in ${folder}: ${why}`, {
      remedy: 'give the agent’s own configuration with --config, and run this as its user; journalctl -u elderly-bot may have more',
      cause: error,
    });
  }
  const first = files.find(({ writtenMs }) => sinceMs === undefined || writtenMs >= sinceMs) ?? files.at(-1);
  return { file: first?.number ?? 0, offset: 0 };
}

function isShown(text: string, sinceMs: number | undefined, least: number): boolean {
  const { level, time } = parsed(text);
  if (sinceMs !== undefined && Date.parse(String(time)) < sinceMs) return false;
  const rank = LEVELS.indexOf(String(level));
  return rank < 0 || rank >= least;
}

/** What is no line of ours, such as half of one from a full disk, is shown as it stands. */
function shown(text: string): string {
  const { level, time, module, msg, ...rest } = parsed(text) as Line & { thing?: unknown };
  if (level === undefined) return text;
  const { thing: _, ...facts } = rest;
  const more = Object.keys(facts).length > 0 ? `  ${JSON.stringify(facts)}` : '';
  return `${String(time)} ${String(level).padEnd(5)} ${module === undefined ? '' : `${String(module)}: `}${String(msg ?? '')}${more}`;
}

function parsed(text: string): Line {
  const found = parseJson(text);
  return found !== null && typeof found === 'object' ? found : {};
}
