// Creates a channel for tests, and describes the alerts among its rows.
import assert from 'node:assert/strict';
import { configSchema } from '../../src/config/index.ts';
import type { NewRow } from '../../src/outbox/index.ts';
import { Channel, type ChannelOptions } from '../../src/sensing/index.ts';

/** An alert channel `c`. Its incidents are called i1, i2 and so on. */
export function channel(over: Readonly<Record<string, unknown>> = {}, options: ChannelOptions = {}): Channel {
  const { c } = configSchema.shape.channels.parse({ c: { topic: '/t', class: 'alert', ...over } });
  assert.ok(c);
  let incidents = 0;
  return new Channel('c', c, { newIncident: () => `i${++incidents}`, ...options });
}

/**
 * @returns the alerts among the rows, such as `raised i1`. An alert of another channel has its name in front. The end of an event's alert
 * has its occurrences behind: `cleared i1 x3`.
 */
export function alerts(rows: readonly NewRow[]): string[] {
  return rows.flatMap((row) => {
    if (row.class !== 'alert') return [];
    const { alert, incident, occurrences } = row.extra ?? {};
    return [`${row.channel === 'c' ? '' : `${row.channel} `}${alert} ${incident}${occurrences === undefined ? '' : ` x${occurrences}`}`];
  });
}
