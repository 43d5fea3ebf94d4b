// What one MQTT message means: rows that have a name, presence, or poison that can't even be named.
import type { EventBody, Mark, Presence, Reading, ReadingValue, Result } from '../../../src/wire/index.ts';

/** As it came from the broker. */
export interface Incoming {
  readonly topic: string;
  readonly payload: Uint8Array;
  /** Gives the broker its PUBACK. Called once, after the commit. */
  readonly done: () => void;
}

/** A row whose seq could be read, but not what it says: kept as text, and committed all the same. */
export interface UnreadRow {
  readonly seq: number;
  readonly raw: string;
  readonly why: string;
}

export interface ResultRow {
  readonly seq: number;
  readonly at: number;
  readonly result: Result;
}

export interface EventRow {
  readonly seq: number;
  readonly at: number;
  readonly kind: string;
  readonly body: Readonly<Record<string, unknown>>;
  /** The event as this version knows it; null for a kind it doesn't know. */
  readonly known: EventBody | null;
}

/** The latest value of each channel, with what tells old from new. */
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

/** The rows that a message carries: enough to cover them, whatever becomes of their content. */
export interface Names extends OutboxName {
  readonly accepted: number;
  readonly mark: Mark | null;
  readonly seqs: readonly number[];
}

/** What the rows of a message say. Only one of the three tables has rows in any one message. */
export interface Content {
  readonly readings: readonly Reading[];
  readonly results: readonly ResultRow[];
  readonly events: readonly EventRow[];
  readonly unread: readonly UnreadRow[];
  readonly unreadTable: RowTable;
  /** Readings without so much as a seq, as text. */
  readonly unnamed: readonly string[];
  /** An alert is in it: its receipt is urgent. */
  readonly alert: boolean;
}

export interface RowsMessage extends Content {
  readonly kind: 'rows';
  readonly topic: string;
  readonly prefix: string;
  readonly names: Names;
  readonly state: FlatState | null;
}

export interface PresenceMessage {
  readonly kind: 'presence';
  readonly prefix: string;
  readonly presence: Presence;
}

/** Kept whole with the reason. Where its rows could be named, they count as committed. */
export interface PoisonMessage {
  readonly kind: 'poison';
  readonly topic: string;
  readonly payload: Uint8Array;
  readonly prefix: string | null;
  readonly thing: string | null;
  readonly why: string;
  readonly names: Names | null;
}

export type Message = RowsMessage | PresenceMessage | PoisonMessage;

export const ROW_TABLES = ['readings', 'results', 'events'] as const;
export type RowTable = (typeof ROW_TABLES)[number];
