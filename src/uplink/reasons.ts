// The MQTT 5 reason codes that a broker can answer with: their words, and what a refused publish means for its rows. Pure.
import { codeOf } from '../base/index.ts';
import { reasonOf } from './connectError.ts';

/**
 * The subject of a refusal. Only `payload` concerns the refused message itself. All others concern the topic or the broker, so every other
 * message would be refused too, and the same message may be accepted later.
 */
export type RefusalKind = 'right' | 'topic' | 'payload' | 'quota' | 'broker';

interface Reason {
  readonly words: string;
  readonly kind: RefusalKind;
}

/** The codes of refusals and of the broker's DISCONNECT (OASIS MQTT 5, 2.4). */
const REASONS: ReadonlyMap<number, Reason> = new Map([
  [0x00, { words: 'without a reason', kind: 'broker' }],
  [0x80, { words: 'the broker gives no reason', kind: 'broker' }],
  [0x81, { words: 'malformed packet', kind: 'broker' }],
  [0x82, { words: 'protocol error', kind: 'broker' }],
  [0x83, { words: 'a rule or a failure inside the broker', kind: 'broker' }],
  [0x84, { words: 'unsupported MQTT version', kind: 'broker' }],
  [0x85, { words: 'client id not valid', kind: 'right' }],
  [0x86, { words: 'bad user name or password', kind: 'right' }],
  [0x87, { words: 'not authorized', kind: 'right' }],
  [0x88, { words: 'server unavailable', kind: 'broker' }],
  [0x89, { words: 'server busy', kind: 'broker' }],
  [0x8a, { words: 'banned', kind: 'right' }],
  [0x8b, { words: 'server shutting down', kind: 'broker' }],
  [0x8c, { words: 'bad authentication method', kind: 'right' }],
  [0x8d, { words: 'keep-alive timeout', kind: 'broker' }],
  [0x8e, { words: 'session taken over by another client with this name', kind: 'broker' }],
  [0x8f, { words: 'topic filter not valid', kind: 'topic' }],
  [0x90, { words: 'topic name not valid', kind: 'topic' }],
  [0x91, { words: 'packet identifier in use', kind: 'broker' }],
  [0x92, { words: 'packet identifier not found', kind: 'broker' }],
  [0x93, { words: 'more messages in flight than the broker accepts', kind: 'broker' }],
  [0x94, { words: 'topic alias not valid', kind: 'broker' }],
  [0x95, { words: 'packet too large', kind: 'payload' }],
  [0x96, { words: 'message rate too high', kind: 'quota' }],
  [0x97, { words: 'quota exceeded', kind: 'quota' }],
  [0x98, { words: 'administrative action', kind: 'broker' }],
  [0x99, { words: 'payload format invalid', kind: 'payload' }],
  [0x9a, { words: 'retained messages not supported', kind: 'broker' }],
  [0x9b, { words: 'quality of service not supported', kind: 'broker' }],
  [0x9c, { words: 'use another server', kind: 'broker' }],
  [0x9d, { words: 'server moved', kind: 'broker' }],
  [0x9e, { words: 'shared subscriptions not supported', kind: 'broker' }],
  [0x9f, { words: 'connection rate exceeded', kind: 'quota' }],
  [0xa0, { words: 'maximum connect time reached', kind: 'broker' }],
  [0xa1, { words: 'subscription identifiers not supported', kind: 'broker' }],
  [0xa2, { words: 'wildcard subscriptions not supported', kind: 'broker' }],
]);

/** Returns a reason code in words, with its number, which a search in the broker's documentation needs. */
export function reasonWords(code: number): string {
  const hex = `0x${code.toString(16).toUpperCase().padStart(2, '0')}`;
  return `${REASONS.get(code)?.words ?? 'unknown reason'} (${hex})`;
}

/** Classifies the error of a publish. An unknown code, or an error without a code, never condemns the rows. */
export function refusalOf(error: Error): { readonly kind: RefusalKind; readonly words: string } {
  const code: unknown = (error as { code?: unknown }).code;
  if (typeof code !== 'number') return { kind: 'broker', words: codeOf(error) ?? error.message };
  return { kind: REASONS.get(code)?.kind ?? 'broker', words: reasonWords(code) };
}

/** Whether the other side closed the connection in order, without a reason. */
export function isClosed(reason: string | number | undefined): boolean {
  return reason === undefined || reason === NORMAL;
}

/** Whether the other side ended the connection without a reason, in order or while the robot was still sending. */
export function isUnexplained(reason: string | number | undefined): boolean {
  return isClosed(reason) || reason === 'ECONNRESET' || reason === 'EPIPE';
}

const NORMAL = 0x00;

/** Further DISCONNECT codes that give no reason. */
const UNSPECIFIC: readonly number[] = [0x80, 0x83];

/**
 * Whether the broker may have closed the connection because it denies a request.
 * @param reason why the connection ended; undefined if the broker closed it without a reason.
 */
export function mayBeDenial(reason: Error | undefined): boolean {
  if (reason === undefined) return true;
  const code = reasonOf(reason);
  if (typeof code !== 'number') return code !== undefined && isUnexplained(code);
  if (isUnexplained(code)) return true;
  const kind = REASONS.get(code)?.kind;
  return kind === 'right' || kind === 'topic' || UNSPECIFIC.includes(code);
}
