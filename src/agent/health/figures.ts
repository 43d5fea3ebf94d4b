// What is counted where two rooms meet: acknowledgements, an alert's way hop by hop, and what the disk is made to write.
import { readFileSync } from 'node:fs';
import { codeOf } from '../../base/index.ts';
import { ALERT_HOPS, type AlertHop, type OutboxFigures } from '../../outbox/index.ts';
import { Histogram, Latencies, type Status } from '../../status/index.ts';

const DAY_MS = 86_400_000;
const DAYS_A_YEAR = 365;

/** A rate of the first moments says nothing: the start itself writes most then. */
const RATE_AFTER_MS = 600_000;

export class Figures implements OutboxFigures {
  readonly #acks = new Latencies();
  readonly #ackHistogram = new Histogram();
  readonly #commits = new Histogram();
  readonly #alerts = Object.fromEntries(ALERT_HOPS.map((hop) => [hop, new Histogram()])) as Record<AlertHop, Histogram>;
  #ackedRows = 0;

  acked(latencyMs: number, rows: number): void {
    this.#acks.add(latencyMs);
    this.#ackHistogram.add(latencyMs);
    this.#ackedRows += rows;
  }

  commit(ms: number): void {
    this.#commits.add(ms);
  }

  alert(hop: AlertHop, ms: number): void {
    // A clock that was set between the two says nothing about the way.
    if (ms >= 0) this.#alerts[hop].add(ms);
  }

  delivered(): Status['delivered'] {
    return {
      acknowledged_rows: this.#ackedRows,
      ack_p50_ms: this.#acks.quantile(0.5),
      ack_p99_ms: this.#acks.quantile(0.99),
      ack_latency: this.#ackHistogram.status(),
    };
  }

  alertLatency(): Status['alert_latency'] {
    const hops = ALERT_HOPS.map((hop) => [hop, this.#alerts[hop].status()]);
    return Object.fromEntries(hops) as Status['alert_latency'];
  }

  /** @param enduranceBytes what may be written in all; null: not known. */
  wear(uptimeMs: number, enduranceBytes: number | null): Status['wear'] {
    const commits = this.#commits.status();
    const written = writtenBytes();
    const aDay = (sum: number) => (uptimeMs < RATE_AFTER_MS ? null : Math.round((sum * DAY_MS) / uptimeMs));
    const bytesPerDay = written === null ? null : aDay(written);
    return {
      written_bytes: written,
      bytes_per_day: bytesPerDay,
      commits,
      commits_per_day: aDay(commits.count),
      years: enduranceBytes !== null && bytesPerDay ? Math.round((enduranceBytes / bytesPerDay / DAYS_A_YEAR) * 10) / 10 : null,
    };
  }
}

/** What the kernel counts of this process (proc(5), /proc/pid/io); null where it does not say. */
function writtenBytes(): number | null {
  try {
    const [, bytes] = /^write_bytes: (\d+)$/m.exec(readFileSync('/proc/self/io', 'utf8')) ?? [];
    return bytes === undefined ? null : Number(bytes);
  } catch (error) {
    if (codeOf(error) === undefined) throw error;
    return null;
  }
}
