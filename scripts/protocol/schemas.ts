// The schemas of src/wire as JSON Schema (draft 7, which AsyncAPI 3 uses). Each named schema becomes an entry of components/schemas.
import * as z from 'zod';
import * as wire from '../../src/wire/index.ts';

export type Json = Readonly<Record<string, unknown>>;

const NAMED = {
  Thing: [wire.thingName, 'Name of the robot: its IoT Thing name and its MQTT client id.'],
  OutboxId: [wire.outboxId, 'Id of an outbox. Each start of the robot uses a new one.'],
  Seq: [wire.sequence, 'Number of a row in its outbox, from 1 without gaps.'],
  Time: [wire.wallTime, 'Milliseconds since 1970 UTC.'],
  Mark: [wire.mark, "The robot's monotonic time at sending: [number of this start, milliseconds since this start]."],
  Range: [wire.range, 'Row numbers [first, last], both included.'],
  CommandId: [wire.commandId, 'Id of a command; its result has the same id.'],
  CommandName: [wire.commandName, 'Name of a command.'],
  Channel: [wire.channelName, `Name of a channel; not one of ${wire.ENVELOPE_KEYS.join(', ')}.`],
  Value: [wire.readingValue, 'Value of a channel.'],
  Reading: [wire.reading, '[seq, at, channel, value], and a fifth element only if it says something.'],
  ReadingExtra: [
    wire.readingExtra,
    'Alert, incident, occurrences of an event, unusable value, untrusted clock, time stamp of the ROS header (milliseconds since 1970).',
  ],
  Telemetry: [wire.telemetry, "The envelope and readings. Beside them stands each channel's latest value under the channel's name."],
  Result: [wire.result, 'The envelope and the result of one command.'],
  EventEnvelope: [wire.eventEnvelope, 'The envelope of every event.'],
  Evicted: [wire.evicted, 'Rows of outbox `of` that will never come.'],
  OutboxClosed: [wire.outboxClosed, 'The file of outbox `old` was damaged or is gone. `last_seq` null: unknown.'],
  ClockSet: [wire.clockSet, 'The true time of these rows is `at + offset_ms`.'],
  Uploaded: [wire.uploaded, 'The cloud confirmed this upload.'],
  Problem: [wire.problemEvent, 'A problem of the robot was raised or cleared.'],
  LastWords: [wire.lastWords, 'Rows that are still unconfirmed on the robot before it stops or its battery is empty.'],
  Restarted: [wire.restarted, 'Why the previous run of the program ended.'],
  CertificateNext: [wire.certificateNext, 'The next certificate, announced by a JWS of the current key.'],
  Presence: [wire.presence, 'Online or offline, outboxes and commands. Also the last will.'],
  AnnouncedCommand: [wire.announcedCommand, 'A command that the robot takes; `args` is the JSON Schema of its arguments.'],
  Power: [wire.power, "The battery's percent, whether that is low for this robot, and the time of the reading."],
  Command: [wire.command, 'One command. A command needs id, thing and expires_at unless the robot allows older clients (`legacy`).'],
  Receipt: [wire.receipt, 'The rows of one outbox that the database has.'],
} as const satisfies Readonly<Record<string, readonly [z.ZodType, string]>>;

export type SchemaName = keyof typeof NAMED;

export function reference(name: SchemaName): string {
  return `#/components/schemas/${name}`;
}

/** All named schemas, in the order of this file; a schema inside another is a `$ref`. */
export function schemas(): Readonly<Record<SchemaName, Json>> {
  const registry = z.registry<{ id: string }>();
  for (const [id, [schema]] of Object.entries(NAMED)) registry.add(schema, { id });
  const uri = (id: string) => reference(id as SchemaName);
  // Input: an unknown field is allowed, as the receivers ignore it. Metadata: names that the cloud gives some of these schemas do not
  // count.
  const { schemas: found } = z.toJSONSchema(registry, { target: 'draft-7', io: 'input', uri, metadata: registry });
  const entries = Object.entries(NAMED).map(([name, [, description]]) => {
    const { $schema: _schema, $id: _id, ...schema } = found[name] as Json;
    return [name, { description, ...(withoutSingleAllOf(schema) as Json) }];
  });
  return Object.fromEntries(entries) as Readonly<Record<SchemaName, Json>>;
}

/** zod writes an optional `$ref` as an `allOf` of one entry. */
function withoutSingleAllOf(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(withoutSingleAllOf);
  if (typeof schema !== 'object' || schema === null) return schema;
  const { allOf, ...rest } = schema as { readonly allOf?: readonly unknown[] };
  if (allOf?.length === 1 && Object.keys(rest).length === 0) return allOf[0];
  return Object.fromEntries(Object.entries(schema).map(([key, value]) => [key, withoutSingleAllOf(value)]));
}
