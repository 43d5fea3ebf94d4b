// Passes a receipt from the broker to the outbox. An impossible receipt is a problem: a client that may publish receipts could make a robot
// delete rows.

import type { Logger } from 'pino';
import { parseJson } from '../base/index.ts';
import type { Outbox } from '../outbox/index.ts';
import type { Problems } from '../status/index.ts';
import { receipt as receiptSchema } from '../wire/index.ts';

export interface ReceiptSinks {
  readonly thing: string;
  readonly outbox: Outbox;
  readonly problems: Problems;
  readonly log: Logger;
}

export function receiveReceipt(payload: Buffer, { thing, outbox, problems, log }: ReceiptSinks): void {
  const parsed = receiptSchema.safeParse(parseJson(payload));
  if (!parsed.success || parsed.data.thing !== thing) {
    problems.raise('receipt_invalid', parsed.success ? `it is for ${parsed.data.thing}` : 'it does not have the shape of a receipt');
    return;
  }
  try {
    const outcome = outbox.receive(parsed.data);
    if (outcome === 'applied') problems.clear('receipt_invalid');
    else problems.raise('receipt_invalid', `${outcome}: outbox ${parsed.data.outbox}, accepted ${parsed.data.accepted}`);
  } catch (error) {
    log.error({ event: 'receipt_failed', err: error }, 'a receipt could not be applied; the rows are kept and asked for again');
  }
}
