// Builds the messages that carry rows, and applies receipts. Rows already contain JSON text, so building a message only concatenates
// strings.
import { deflateSync } from 'node:zlib';
import { parseJson } from '../base/index.ts';
import { type Claim, type Outbox, readingText } from '../outbox/index.ts';
import { type Mark, receipt as receiptSchema } from '../wire/index.ts';
import type { UplinkOptions } from './options.ts';

export interface EnvelopeFacts {
  readonly thing: string;
  readonly mark: Mark;
  readonly sentAt: number;
}

/** Shorter backlog messages are sent uncompressed: they fit into one metering step anyway, so compression would not make them cheaper. */
const DEFLATE_FROM_BYTES = 1024;

/** The fastest level. It compresses a backlog of readings to a tenth of its size in no measurable time. */
const DEFLATE_LEVEL = 1;

/**
 * Builds a `telemetry` or `alert` message, which contains rows and the latest value of every channel.
 * @param latest undefined if the message would be too large with the latest values.
 */
export function liveMessage(
  kind: 'telemetry' | 'alert',
  claim: Claim,
  facts: EnvelopeFacts,
  latest: ReturnType<Outbox['latest']> | undefined,
): string {
  let state = '';
  if (latest) {
    state = `"state_seq":${latest.stateSeq},`;
    for (const [channel, value] of latest.values) state += `"${channel}":${value},`;
  }
  return `{${envelope(claim, facts)},"kind":"${kind}","sent_at":${facts.sentAt},${state}"readings":[${readings(claim)}]}`;
}

/** Builds a `backlog` message. It contains rows only, so that old readings never look current, and is deflated if it is long. */
export function backlogMessage(claim: Claim, facts: EnvelopeFacts): string | Buffer {
  const text = `{${envelope(claim, facts)},"kind":"backlog","sent_at":${facts.sentAt},"readings":[${readings(claim)}]}`;
  return text.length < DEFLATE_FROM_BYTES ? text : deflateSync(text, { level: DEFLATE_LEVEL });
}

/** Builds the message for a single result or event. */
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

type ReceiptParts = Pick<UplinkOptions, 'thing' | 'outbox' | 'problems' | 'log' | 'lifetime' | 'onCloudTime'>;

/** Applies a receipt to the outbox. Raises a problem for an impossible one, because a forged receipt could make the robot delete rows. */
export function applyReceipt(payload: Buffer, { thing, outbox, problems, log, lifetime, onCloudTime }: ReceiptParts): void {
  const parsed = receiptSchema.safeParse(parseJson(payload));
  if (!parsed.success || parsed.data.thing !== thing) {
    problems.raise('receipt_invalid', parsed.success ? `it is for ${parsed.data.thing}` : 'it does not have the shape of a receipt');
    return;
  }
  try {
    const outcome = outbox.receive(parsed.data);
    problems.set('receipt_doubtful', doubtText(outbox.doubted));
    if (outcome === 'applied' || outcome === 'unacknowledged') {
      problems.clear('receipt_invalid');
      const { sent_at: cloudMs } = parsed.data;
      const mark = lifetime.ownMark(parsed.data.mark);
      // A mark of an earlier run says nothing about this run's monotonic time.
      if (cloudMs !== undefined && mark[0] === lifetime.boot) onCloudTime?.(cloudMs, mark[1]);
    } else problems.raise('receipt_invalid', `${outcome}: outbox ${parsed.data.outbox}, accepted ${parsed.data.accepted}`);
  } catch (error) {
    log.error({ event: 'receipt_failed', err: error }, 'a receipt could not be applied; the rows stay until the next receipt');
  }
}

/** @returns the text of the problem `receipt_doubtful`; undefined if it has ended. @param alerts the number of such alerts. */
export function doubtText(alerts: number): string | undefined {
  if (alerts === 0) return undefined;
  return `a receipt confirms ${alerts} ${alerts === 1 ? 'alert' : 'alerts'} that the broker never acknowledged; the agent keeps and sends them`;
}
