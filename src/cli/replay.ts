// `elderly-bot replay`: what another configuration would have made of recorded readings. Nothing runs and nothing is sent.
import { readFileSync } from 'node:fs';
import * as z from 'zod';
import { codeOf, parseJson } from '../base/index.ts';
import { loadConfig } from '../config/index.ts';
import { AgentError } from '../errors.ts';
import { type Incident, type RecordedReading, type ReplayedAlert, replay as rerun } from '../sensing/index.ts';
import { readingExtra, readingValue } from '../wire/index.ts';

const recorded = z.object({
  at: z.number(),
  channel: z.string(),
  value: readingValue,
  bad: readingExtra.shape.bad,
  stamp: readingExtra.shape.stamp,
  alert: readingExtra.shape.alert,
});

/** @returns 0 where every alert stays as it was, 1 where one moves, vanishes or appears. */
export async function replay(record: string, file: string | undefined, json: boolean): Promise<number> {
  const alerts = rerun(readRecord(record), loadConfig(file, process.env).config.channels);
  if (json) process.stdout.write(`${JSON.stringify(alerts)}\n`);
  else process.stdout.write(`${[...alerts.map(describe), summary(alerts)].join('\n')}\n`);
  return alerts.every(({ change }) => change === 'same') ? 0 : 1;
}

function readRecord(name: string): RecordedReading[] {
  let text: string;
  try {
    text = readFileSync(name === '-' ? 0 : name, 'utf8');
  } catch (error) {
    throw new AgentError(
      'CONFIG_NOT_FOUND',
      `${name}: ${codeOf(error) === 'ENOENT' ? 'no such file' : `it can't be read (${codeOf(error)})`}`,
      {
        remedy: 'give a file that `elderly-bot outbox export` wrote, or - for standard input',
        cause: error,
      },
    );
  }
  return text.split('\n').flatMap((line, i) => (line.trim() === '' ? [] : [readLine(line, `${name}:${i + 1}`)]));
}

function readLine(line: string, place: string): RecordedReading {
  const json = parseJson(line);
  const parsed = recorded.safeParse(json);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const what = json === undefined ? 'it is no JSON' : `${issue?.path.join('.') || 'it'}: ${issue?.message.toLowerCase()}`;
  throw new AgentError('CONFIG_SYNTAX', `${place}: ${what}`, {
    remedy: 'expected a reading a line, as `elderly-bot outbox export` writes them',
  });
}

function describe({ channel, change, before, after }: ReplayedAlert): string {
  const parts = [before && `before ${span(before)}`, after && change !== 'same' && `now ${span(after)}`].filter(Boolean);
  return `${change.padEnd(8)} ${channel.padEnd(14)} ${parts.join(', ')}`;
}

function span({ raised, cleared }: Incident): string {
  return `${new Date(raised).toISOString()} to ${cleared === null ? 'the end' : new Date(cleared).toISOString()}`;
}

function summary(alerts: readonly ReplayedAlert[]): string {
  const count = (change: ReplayedAlert['change']) => alerts.filter((alert) => alert.change === change).length;
  return `${count('same')} stay, ${count('moved')} move, ${count('vanished')} vanish, ${count('appeared')} appear`;
}
