// The gauges of /metrics that read the state of an instance and its database.
import type { Database } from '../database/index.ts';
import type { Metrics } from '../metrics/index.ts';
import type { Health } from './health.ts';

export interface Measured {
  readonly health: Health;
  readonly receiptsDue: () => number;
  readonly turns: () => Readonly<Record<string, number>>;
  readonly pools: Readonly<Record<string, Database>>;
}

export function measure(metrics: Metrics, { health, receiptsDue, turns, pools }: Measured): void {
  const { broker, queue } = health.options;
  const loads = (key: 'waiting' | 'busy') => (): Record<string, number> =>
    Object.fromEntries(Object.entries(pools).map(([name, pool]) => [name, pool.load?.()[key] ?? 0]));
  metrics.gauge('subscribed', '1 while this instance is subscribed at the broker', () => Number(broker() === 'subscribed'));
  metrics.gauge('queue_messages', 'Messages that are received and not yet committed', () => queue().waiting);
  metrics.gauge('queue_oldest_seconds', 'Age of the oldest of them; 0 without one', () => queue().oldestMs / 1_000);
  metrics.gauge('robots_held', 'Robots that wait alone: stuck on a lock or a slow statement, or above their rate', held, 'reason');
  metrics.gauge('pool_waiting', 'Callers that wait for a connection to the database', loads('waiting'), 'pool');
  metrics.gauge('pool_busy', 'Connections to the database in use', loads('busy'), 'pool');
  metrics.gauge('receipts_due', 'Receipts that are due and not yet published', receiptsDue);
  metrics.gauge('publications_waiting', 'Commands and receipts that wait for their turn at the broker', turns, 'rank');
  metrics.gauge('silent_robots', 'Robots with an open alert robot_silent', async () => (await health.facts()).silentRobots);
  metrics.gauge('sequence_used', 'Used part of the numbers of a sequence', async () => (await health.facts()).sequences, 'sequence');
  metrics.gauge(
    'xids_used',
    'Used part of the transaction ids before the database refuses writes',
    async () => (await health.facts()).xids,
  );
  metrics.gauge('fault', '1 for each fault in /healthz', faults, 'code');

  function held(): Record<string, number> {
    const { stuck = [], quarantined = [] } = queue();
    return { stuck: stuck.length, quarantined: quarantined.length };
  }

  async function faults(): Promise<Record<string, number>> {
    return Object.fromEntries((await health.faults()).map(({ code }) => [code, 1]));
  }
}
