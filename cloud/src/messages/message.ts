// Types of a decoded MQTT message: rows, presence, or poison (a message that could not be decoded or stored).
import type { EventBody, Mark, Presence, Reading, ReadingValue, Result } from '../../../src/wire/index.ts';

export interface Incoming {
  readonly topic: string;
  readonly payload: Uint8Array;
  /** Sends the PUBACK to the broker. Called once, after the commit. */
  readonly done: () => void;
}

/** A row with a valid seq but unreadable content. Its text is stored, and the row is treated as committed. */
export interface UnreadRow {
  readonly seq: number;
  readonly raw: string;
  readonly reason: string;
}

/** An alert in a row or message that could not be read or stored. It is raised all the same, marked with the reason. */
export interface UnreadAlert {
  readonly channel: string;
  readonly incident: string;
  /** Null if unreadable. The cloud's time then counts. */
  readonly raisedAt: number | null;
  readonly resolvedAt: number | null;
  readonly reason: string;
}

export interface EventRow {
  readonly seq: number;
  readonly at: number;
  readonly kind: string;
  readonly body: Readonly<Record<string, unknown>>;
  /** The typed event; null if this version does not know the kind. */
  readonly known: EventBody | null;
}

/** The latest value of each channel. `outbox`, `seq` and `mark` decide which of two states is newer. */
export interface FlatState {
  readonly outbox: string;
  readonly seq: number;
  readonly mark: Mark;
  readonly values: Readonly<Record<string, ReadingValue>>;
}

export interface OutboxName {
  readonly thing: string;
  readonly outbox: string;
}

/** Names of the rows in a message. They suffice to update the coverage, even if the content is unreadable. */
export interface Names extends OutboxName {
  readonly accepted: number;
  readonly mark: Mark | null;
  readonly seqs: readonly number[];
}

/** The decoded rows of one message. All of them belong to the same table. */
export interface Content {
  readonly readings: readonly Reading[];
  readonly results: readonly Result[];
  readonly events: readonly EventRow[];
  readonly unread: readonly UnreadRow[];
  readonly unreadTable: RowTable;
  /** Readings without a valid seq, as JSON text. */
  readonly unnamed: readonly string[];
  readonly unreadAlerts: readonly UnreadAlert[];
  /** Whether a row raises or clears an alert. The receipt is then urgent. */
  readonly alert: boolean;
}

export interface RowsMessage extends Content {
  readonly kind: 'rows';
  readonly topic: string;
  readonly prefix: string;
  /** Whether the topic itself names the thing, so that the broker's rights prove it. */
  readonly isProven: boolean;
  readonly names: Names;
  readonly state: FlatState | null;
}

export interface PresenceMessage {
  readonly kind: 'presence';
  readonly prefix: string;
  readonly isProven: boolean;
  readonly presence: Presence;
}

/** A message that is stored as it arrived, with a reason. If its rows have names, they are treated as committed. */
export interface PoisonMessage {
  readonly kind: 'poison';
  readonly topic: string;
  readonly payload: Uint8Array;
  readonly prefix: string | null;
  readonly isProven: boolean;
  readonly thing: string | null;
  readonly reason: string;
  readonly names: Names | null;
  /** The robot that raises `unreadAlerts`: that of the topic, else that of the message; null for the only robot with this prefix. */
  readonly alerting: string | null;
  readonly unreadAlerts: readonly UnreadAlert[];
}

export type Message = RowsMessage | PresenceMessage | PoisonMessage;

/** The robot that a message says it is from. */
export function thingOf(message: RowsMessage | PresenceMessage): string {
  return message.kind === 'presence' ? message.presence.thing : message.names.thing;
}

export const ROW_TABLES = ['readings', 'results', 'events'] as const;
export type RowTable = (typeof ROW_TABLES)[number];
