// Measures values that span several modules: acknowledgements, the latency of alerts at each hop, and bytes written to disk.
import { readFileSync } from 'node:fs';
import { codeOf } from '../../base/index.ts';
import { ALERT_HOPS, type AlertHop, type OutboxMetrics } from '../../outbox/index.ts';
import { Histogram, Latencies, type Status } from '../../status/index.ts';

const DAY_MS = 86_400_000;
const DAYS_PER_YEAR = 365;

/** No rates are reported in the first ten minutes, because the writes during startup would dominate them. */
const RATE_AFTER_MS = 600_000;

export class Metrics implements OutboxMetrics {
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
    // The latency is negative if the clock was set back between the two times.
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

  /** @param enduranceBytes how many bytes the disk can take in its lifetime, or null if unknown. */
  wear(uptimeMs: number, enduranceBytes: number | null): Status['wear'] {
    const commits = this.#commits.status();
    const written = writtenBytes();
    const perDay = (sum: number) => (uptimeMs < RATE_AFTER_MS ? null : Math.round((sum * DAY_MS) / uptimeMs));
    const bytesPerDay = written === null ? null : perDay(written);
    return {
      written_bytes: written,
      bytes_per_day: bytesPerDay,
      commits,
      commits_per_day: perDay(commits.count),
      years: enduranceBytes !== null && bytesPerDay ? Math.round((enduranceBytes / bytesPerDay / DAYS_PER_YEAR) * 10) / 10 : null,
    };
  }
}

/** @returns how many bytes the kernel has written to disk for this process (proc_pid_io(5)), or null if the kernel does not count them. */
function writtenBytes(): number | null {
  try {
    const [, bytes] = /^write_bytes: (\d+)$/m.exec(readFileSync('/proc/self/io', 'utf8')) ?? [];
    return bytes === undefined ? null : Number(bytes);
  } catch (error) {
    if (codeOf(error) === undefined) throw error;
    return null;
  }
}
