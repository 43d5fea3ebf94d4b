// From a payload to a message. One bad reading never costs the others, and nothing here throws: what can't be read comes
// back as poison with the reason, and what could be named keeps its name.

import { promisify } from 'node:util';
import { inflate } from 'node:zlib';
import { z } from 'zod';
import { messageOf } from '../../../src/base/index.ts';
import { flatState, MAX_INFLATED_BYTES, mark, outboxId, presence, thingName } from '../../../src/wire/index.ts';
import { contentOf, seqOf, whyOf } from './content.ts';
import type { FlatState, Incoming, Message, Names, PoisonMessage, RowTable } from './message.ts';
import { type Place, placeOf } from './pattern.ts';

type Body = Record<string, unknown>;

const inflateAsync = promisify(inflate);

/** The first byte of a zlib stream; no JSON object begins with it. */
const ZLIB_FIRST_BYTE = 0x78;

/** What names rows. Everything else may be missing or odd: it must not cost the rows. */
const named = z.object({
  thing: thingName,
  outbox: outboxId,
  accepted: z.number().int().min(0).max(Number.MAX_SAFE_INTEGER).catch(0),
  mark: mark.nullable().catch(null),
});

export async function decode(patterns: readonly string[], incoming: Incoming): Promise<Message> {
  const place = placeOf(patterns, incoming.topic);
  if (!place) return poison(incoming, null, null, `the topic fits none of the patterns ${patterns.join(', ')}`);
  let body: unknown;
  try {
    body = JSON.parse(await textOf(place, incoming.payload));
  } catch (error) {
    return poison(incoming, place, null, `unreadable: ${messageOf(error)}`);
  }
  const thing = thingName.safeParse((body as { thing?: unknown } | null)?.thing);
  if (!thing.success) return poison(incoming, place, null, 'it names no thing');
  if (place.thing !== null && place.thing !== thing.data) {
    return poison(incoming, place, thing.data, `thing ${thing.data} may not speak on ${incoming.topic}`);
  }
  const read = place.suffix === 'presence' ? presenceOf : rowsOf;
  return read(place, incoming, thing.data, body as Body);
}

/** A message whose content failed later on: kept whole, and what it names stays named. */
export function asPoison(incoming: Incoming, message: Message, why: string): PoisonMessage {
  if (message.kind === 'poison') return { ...message, names: null, why };
  const names = message.kind === 'rows' ? message.names : null;
  const thing = names?.thing ?? (message.kind === 'presence' ? message.presence.thing : null);
  return { kind: 'poison', topic: incoming.topic, payload: incoming.payload, prefix: message.prefix, thing, why, names };
}

async function textOf(place: Place, payload: Uint8Array): Promise<string> {
  const deflated = place.suffix === 'backlog' && payload[0] === ZLIB_FIRST_BYTE;
  const bytes = deflated ? await inflateAsync(payload, { maxOutputLength: MAX_INFLATED_BYTES }) : payload;
  return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
}

function presenceOf(place: Place, incoming: Incoming, thing: string, body: Body): Message {
  const parsed = presence.safeParse(body);
  if (!parsed.success) return poison(incoming, place, thing, whyOf(parsed.error));
  return { kind: 'presence', prefix: place.prefix, presence: parsed.data };
}

function rowsOf(place: Place, incoming: Incoming, thing: string, body: Body): Message {
  const envelope = named.safeParse(body);
  if (!envelope.success) return poison(incoming, place, thing, whyOf(envelope.error));
  const table: RowTable = place.suffix === 'results' || place.suffix === 'events' ? place.suffix : 'readings';
  const rows: unknown = table === 'readings' ? body.readings : [body];
  if (!Array.isArray(rows)) return poison(incoming, place, thing, 'it has no list of readings');
  const names: Names = { ...envelope.data, seqs: rows.map(seqOf).filter((seq) => seq !== null) };
  if (names.seqs.length === 0 && rows.length > 0) return poison(incoming, place, thing, 'it names no row');
  try {
    const state = place.suffix === 'telemetry' ? stateOf(names, body) : null;
    return { kind: 'rows', prefix: place.prefix, topic: incoming.topic, names, state, ...contentOf(table, rows) };
  } catch (error) {
    return { ...poison(incoming, place, thing, `unreadable: ${messageOf(error)}`), names };
  }
}

/** Flat keys without a `state_seq` can't be told from older ones, and are left alone. */
function stateOf(names: Names, body: Body): FlatState | null {
  const seq = body.state_seq;
  if (body.kind === 'backlog' || !Number.isSafeInteger(seq)) return null;
  return { outbox: names.outbox, seq: seq as number, mark: names.mark ?? [0, 0], values: flatState(body) };
}

function poison(incoming: Incoming, place: Place | null, thing: string | null, why: string): PoisonMessage {
  const { topic, payload } = incoming;
  return { kind: 'poison', topic, payload, prefix: place?.prefix ?? null, thing, why, names: null };
}
