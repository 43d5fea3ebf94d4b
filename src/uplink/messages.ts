// From rows to the text of a message. Rows already are text on the wire, so this joins strings and parses nothing.
import { deflateSync } from 'node:zlib';
import { type Claim, readingText } from '../outbox/index.ts';
import type { Mark } from '../wire/index.ts';

export interface EnvelopeFacts {
  readonly thing: string;
  readonly mark: Mark;
  readonly sentAt: number;
}

export interface FlatState {
  readonly stateSeq: number;
  /** Channel to its value as JSON. */
  readonly values: ReadonlyMap<string, string>;
}

/** Below this, deflating a backlog message saves less than a metering step. */
const DEFLATE_FROM_BYTES = 1024;

/** Level 1 is as fast as no compression and leaves a tenth of the bytes; measured on a backlog of readings. */
const DEFLATE_LEVEL = 1;

/** A `telemetry` or `alert` message: the rows, and today's state beside them. */
export function liveMessage(kind: 'telemetry' | 'alert', claim: Claim, facts: EnvelopeFacts, state: FlatState): string {
  let flat = '';
  for (const [channel, value] of state.values) flat += `"${channel}":${value},`;
  return `{${envelope(claim, facts)},"kind":"${kind}","sent_at":${facts.sentAt},"state_seq":${state.stateSeq},${flat}"readings":[${readings(claim)}]}`;
}

/** A `backlog` message: no flat state, so that old readings never pose as the present. Deflated if that saves bytes. */
export function backlogMessage(claim: Claim, facts: EnvelopeFacts): string | Buffer {
  const text = `{${envelope(claim, facts)},"kind":"backlog","sent_at":${facts.sentAt},"readings":[${readings(claim)}]}`;
  return text.length < DEFLATE_FROM_BYTES ? text : deflateSync(text, { level: DEFLATE_LEVEL });
}

/** A result or an event: one row a message. */
export function singleMessage(claim: Claim, facts: EnvelopeFacts): string {
  const [row] = claim.rows;
  return `{${envelope(claim, facts)},"seq":${claim.first},"at":${row?.at ?? facts.sentAt},${row?.body ?? ''}}`;
}

function envelope(claim: Claim, facts: EnvelopeFacts): string {
  const { id, accepted } = claim.outbox;
  return `"thing":"${facts.thing}","outbox":"${id}","accepted":${accepted},"mark":[${facts.mark[0]},${facts.mark[1]}]`;
}

function readings(claim: Claim): string {
  return claim.rows.map(readingText).join(',');
}
