// `elderly-bot replay`: runs recorded readings through a configuration and shows which alerts change. It starts no agent and sends nothing.
import * as z from 'zod';
import { parseJson, present } from '../base/index.ts';
import { loadConfig } from '../config/index.ts';
import { AgentError } from '../errors.ts';
import { type Incident, type RecordedReading, type ReplayedAlert, replay as rerun } from '../sensing/index.ts';
import { readingExtra, readingValue } from '../wire/index.ts';
import { readInput } from './shared.ts';

const recorded = z.object({
  at: z.number(),
  channel: z.string(),
  value: readingValue,
  bad: readingExtra.shape.bad,
  stamp: readingExtra.shape.stamp,
  alert: readingExtra.shape.alert,
  occurrences: readingExtra.shape.occurrences,
});

/** @returns the exit code: 0 if no alert changes, otherwise 1. */
export async function replay(record: string, file: string | undefined, json: boolean): Promise<number> {
  const text = readInput(record, record, 'give a file that `elderly-bot outbox export` wrote, or - for standard input');
  const readings = text.split('\n').flatMap((line, i) => (line.trim() === '' ? [] : [readLine(line, `${record}:${i + 1}`)]));
  const alerts = rerun(readings, loadConfig(file, process.env).config.channels);
  await present(alerts, json, (found) => [...found.map(describe), summary(found)]);
  return alerts.every(({ change }) => change === 'same') ? 0 : 1;
}

function readLine(line: string, position: string): RecordedReading {
  const json = parseJson(line);
  const parsed = recorded.safeParse(json);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const fault = json === undefined ? 'not JSON' : `${issue?.path.join('.') || 'the line'}: ${issue?.message.toLowerCase()}`;
  throw new AgentError('CONFIG_SYNTAX', `${position}: ${fault}`, {
    remedy: 'expected one reading per line, as `elderly-bot outbox export` writes them',
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
  return `${count('same')} same, ${count('moved')} moved, ${count('vanished')} vanished, ${count('appeared')} appeared`;
}
