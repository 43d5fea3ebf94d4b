// `elderly-bot logs`: prints the agent's log from its files, whether or not the agent is running.
import { join } from 'node:path';
import { codeOf, configFlag, logLine, messageOf, parseJson, print, visible, wait } from '../base/index.ts';
import { AgentError } from '../errors.ts';
import { type LogPosition, logFiles, readLines } from '../logs/index.ts';
import { askStatus } from '../status/index.ts';
import { abortOn, loadSalvaged, remark } from './shared.ts';

interface LogsOptions {
  readonly config: string | undefined;
  readonly json: boolean;
  readonly follow: boolean;
  /** A duration before now, such as `10m`, or a date and time. */
  readonly since: string | undefined;
  readonly level: string;
}

const POLL_MS = 200;
/** Limit for a line in characters; a stack trace of twenty calls has 2,000. */
const LONGEST = 8_000;
const LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal'];

export async function logs({ config: file, json, follow, since, level }: LogsOptions): Promise<number> {
  const { state_dir: stateDir } = loadSalvaged(file);
  const folder = join(stateDir, 'logs');
  const sinceMs = since === undefined ? undefined : timeOf(since);
  let position = firstPosition(folder, sinceMs);
  const signal = abortOn('SIGINT');
  do {
    for await (const { text, next } of readLines(folder, position)) {
      position = next;
      if (isShown(text, sinceMs, LEVELS.indexOf(level))) await show(text, json);
      if (signal.aborted) break;
    }
    if (follow) await wait(POLL_MS, signal);
  } while (follow && !signal.aborted);
  if (!follow && !json) await hintOtherLogs(stateDir, file);
  return 0;
}

/** Points to the systemd journal and the doctor: an agent that fails before it opens its log file reports the reason only to stderr. */
async function hintOtherLogs(stateDir: string, file: string | undefined): Promise<void> {
  const isRunning = await askStatus(stateDir).then(
    () => true,
    () => false,
  );
  if (isRunning) return;
  remark(
    `no agent runs with this state_dir; if a start failed, the reason is also in \`elderly-bot service logs\`, and \`elderly-bot doctor${configFlag(file)}\` shows the remedy`,
  );
}

/** @returns milliseconds since 1970. @throws AgentError LOGS_SINCE_INVALID if the text is neither a duration nor a date and time */
function timeOf(text: string): number {
  const [, number, unit] = /^(\d+)(s|m|h|d)$/.exec(text) ?? [];
  const units: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };
  const ms = unit === undefined ? Date.parse(text) : Date.now() - Number(number) * (units[unit] ?? 0);
  if (Number.isFinite(ms)) return ms;
  throw new AgentError('LOGS_SINCE_INVALID', `--since ${text}: neither a duration such as 10m nor a time`, {
    remedy: 'give 30s, 10m, 2h, 3d, or a time such as 2026-11-23T04:00:00Z',
  });
}

/** Skips files last modified before `sinceMs`, which can't contain later lines. @throws AgentError LOGS_MISSING if there are no logs */
function firstPosition(folder: string, sinceMs: number | undefined): LogPosition {
  let files: ReturnType<typeof logFiles>;
  try {
    files = logFiles(folder);
  } catch (cause) {
    const reason = codeOf(cause) === 'ENOENT' ? 'no agent has used this state_dir yet' : messageOf(cause);
    throw new AgentError('LOGS_MISSING', `no logs in ${folder}: ${reason}`, {
      remedy: 'give the configuration of the agent with --config, and run this as its user; journalctl -u elderly-bot may have more',
      cause,
    });
  }
  const first = files.find(({ writtenMs }) => sinceMs === undefined || writtenMs >= sinceMs) ?? files.at(-1);
  return { file: first?.number ?? 0, offset: 0 };
}

function isShown(text: string, sinceMs: number | undefined, lowest: number): boolean {
  const { level, time } = parse(text);
  if (sinceMs !== undefined && Date.parse(String(time)) < sinceMs) return false;
  const rank = LEVELS.indexOf(String(level));
  return rank < 0 || rank >= lowest;
}

/** The line may be from a version that did not remove as much. */
function show(text: string, json: boolean): Promise<void> {
  const line = logLine(text).trimEnd();
  return print(json ? line : visible(describe(line), LONGEST));
}

/** Formats a log line for reading. Text that is not a log line, such as half a line from when the disk was full, is returned unchanged. */
function describe(text: string): string {
  const { level, time, module, msg, thing: _, ...fields } = parse(text);
  if (level === undefined) return text;
  const more = Object.keys(fields).length > 0 ? `  ${JSON.stringify(fields)}` : '';
  return `${String(time)} ${String(level).padEnd(5)} ${module === undefined ? '' : `${String(module)}: `}${String(msg ?? '')}${more}`;
}

function parse(text: string): Readonly<Record<string, unknown>> {
  const line = parseJson(text);
  return line !== null && typeof line === 'object' ? { ...line } : {};
}
