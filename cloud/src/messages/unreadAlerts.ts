// Finds the alerts in rows and texts that could not be read. An alert must stand even if a newer robot, or a faulty one, sends something
// that this version does not know. It therefore looks only for the names: channel, incident and time.
import { createHash } from 'node:crypto';
import { channelName, type Reading, readingExtra, thingName, wallTime } from '../../../src/wire/index.ts';
import type { Message, OutboxName, UnreadAlert } from './message.ts';

/** The channel of an alert whose channel could not be read. */
const UNREAD_CHANNEL = 'unread';
/** At most this many alerts are found in one unreadable text. */
const MAX_FOUND = 50;
/** Characters that are searched on each side of a key `alert`. An honest row is shorter, unless its value is a long text. */
const AROUND = 1_500;
const KEY = '"alert"';

export function unreadIn(messages: readonly Message[]): (UnreadAlert & { readonly thing: string | null })[] {
  return messages.flatMap((message) => {
    if (message.kind === 'presence') return [];
    const thing = message.kind === 'rows' ? message.names.thing : message.alerting;
    return message.unreadAlerts.map((alert) => ({ ...alert, thing }));
  });
}

/** The robot's thing in a text; null if it is not readable. */
export function thingIn(text: string): string | null {
  return thingName.safeParse(/"thing"\s{0,9}:\s{0,9}"([^"]{1,128})"/.exec(text)?.[1]).data ?? null;
}

/** Whether a row has an alert anywhere. Null is no alert; infinity would become null. */
export function carriesAlert(row: unknown): boolean {
  return /"alert":(?!null)/.test(JSON.stringify(row, (_key, value: unknown) => (typeof value === 'number' ? 1 : value)));
}

/** @param row a row with an alert, of which any part may be unreadable. @param names null if the row has no name. */
export function alertOf(row: unknown, names: OutboxName | null, reason: string): UnreadAlert {
  const [seq, at, channel, , extra] = Array.isArray(row) ? (row as unknown[]) : [];
  const incident = readingExtra.shape.incident.safeParse((extra as { incident?: unknown } | null | undefined)?.incident).data;
  const name = names && Number.isSafeInteger(seq) ? `${names.outbox}/${String(seq)}` : `unread/${hashOf(JSON.stringify(row) ?? '')}`;
  return {
    channel: channelName.safeParse(channel).data ?? UNREAD_CHANNEL,
    incident: incident ?? name,
    raisedAt: wallTime.safeParse(at).data ?? null,
    resolvedAt: null,
    reason,
  };
}

/** The alert of a reading that was read, but that the database refused. Null if it has none, or ends alerts without naming them. */
export function alertOfReading([seq, at, channel, , extra]: Reading, { outbox }: OutboxName, reason: string): UnreadAlert | null {
  if (extra?.alert === undefined) return null;
  const isRaised = extra.alert === 'raised';
  if (!isRaised && extra.incident === undefined) return null;
  const incident = extra.incident ?? `${outbox}/${seq}`;
  return { channel, incident, raisedAt: isRaised ? at : null, resolvedAt: isRaised ? null : at, reason };
}

/**
 * Finds the rows with an alert in a text that is not JSON, such as one with NaN. A text that only says that it has an alert counts as one.
 * The search takes linear time.
 */
export function alertsIn(text: string, reason: string): UnreadAlert[] {
  const found: UnreadAlert[] = [];
  for (let at = text.indexOf(KEY); at >= 0 && found.length < MAX_FOUND; at = text.indexOf(KEY, at + KEY.length)) {
    if (/^\s{0,9}:(?!\s{0,9}null)/.test(text.slice(at + KEY.length, at + KEY.length + 30)))
      found.push(alertOf(rowAround(text, at), null, reason));
  }
  if (found.length > 0 || !text.includes(KEY)) return found;
  // The readings stay the same when a message is sent again; mark and time do not.
  return [alertOf(text.slice(Math.max(0, text.indexOf('"readings"'))), null, reason)];
}

/** @returns the parts that name the alert, as in a row; the text around the key if it does not look like a row. */
function rowAround(text: string, key: number): unknown {
  const before = text.slice(Math.max(0, key - AROUND), key);
  const after = text.slice(key, key + AROUND).split(']', 1);
  const row = [before.slice(before.lastIndexOf('[') + 1), ...after].join('');
  const [seq, at, channel] = /^([^,]*),([^,]*),\s*"([^"]*)"/.exec(row)?.slice(1) ?? [];
  const incident = /"incident"\s{0,9}:\s{0,9}"([^"]*)"/.exec(row)?.[1];
  return channel === undefined && incident === undefined ? row : [Number(seq), Number(at), channel, row, { incident }];
}

function hashOf(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 16);
}
