// Judges the alerts of the healthy robot beside one neighbour, and prints the table. Pure.
import { quantile } from '../../bench/figures.ts';

export const MEMORY_MIB = 512;

export interface Bounds {
  /** The longest time from the PUBACK to the family's stream, for 99 of 100 alerts. */
  readonly p99Ms: number;
}

/** One run beside one neighbour. */
export interface Observed {
  /** Falls that were published to the agent. */
  readonly falls: number;
  /** When the broker acknowledged each incident, in nanoseconds. */
  readonly acknowledged: ReadonlyMap<string, number>;
  /** When each incident first appeared on the family's stream, in nanoseconds of the same clock. */
  readonly shown: ReadonlyMap<string, number>;
  /** Incidents of each alert in the database, with repetitions. */
  readonly stored: readonly string[];
  /** By the accounting of the robot's outbox. */
  readonly lostRows: number;
  readonly doubledRows: number;
  /** The most memory that the cloud occupied. */
  readonly memoryMib: number;
}

export interface Row {
  readonly kind: string;
  readonly alerts: number;
  readonly p50_ms: number;
  readonly p99_ms: number;
  readonly max_ms: number;
  readonly lost: number;
  readonly doubled: number;
  readonly memory_mib: number;
}

export function rowOf(kind: string, runs: readonly Observed[]): Row {
  const tookMs = runs.flatMap(({ acknowledged, shown }) =>
    [...acknowledged].flatMap(([incident, ns]) => {
      const shownNs = shown.get(incident);
      return shownNs === undefined ? [] : [Math.max(0, shownNs - ns) / 1e6];
    }),
  );
  const [p50_ms = 0, p99_ms = 0] = [0.5, 0.99].map((q) => Math.round(quantile(tookMs, q)));
  return {
    kind,
    alerts: sum(runs, ({ falls }) => falls),
    p50_ms,
    p99_ms,
    max_ms: Math.round(quantile(tookMs, 1)),
    lost: sum(runs, lostOf),
    doubled: sum(runs, doubledOf),
    memory_mib: Math.round(Math.max(...runs.map(({ memoryMib }) => memoryMib))),
  };
}

/** A fall is lost if the family's stream never showed it. */
function lostOf({ falls, shown, lostRows }: Observed): number {
  return Math.max(0, falls - shown.size, lostRows);
}

/** An alert is doubled if the database has it twice, or has more alerts than there were falls. */
function doubledOf({ falls, stored, doubledRows }: Observed): number {
  return Math.max(0, stored.length - new Set(stored).size, stored.length - falls, doubledRows);
}

/** @returns one sentence for each broken bound. Lost and doubled alerts count by themselves. */
export function brokenBounds({ kind, p99_ms, memory_mib }: Row, { p99Ms }: Bounds): string[] {
  const late = p99_ms <= p99Ms ? [] : [`${kind}: p99 from the PUBACK to the stream is ${p99_ms} ms, at most ${p99Ms} ms are allowed`];
  const large = memory_mib < MEMORY_MIB ? [] : [`${kind}: the cloud occupied ${memory_mib} MiB, less than ${MEMORY_MIB} MiB are allowed`];
  return [...late, ...large];
}

/** Lines of a Markdown table. */
export function tableOf(rows: readonly Row[]): string[] {
  const head = ['kind', 'alerts', 'p50 ms', 'p99 ms', 'longest ms', 'lost', 'doubled', 'memory MiB'];
  const line = (cells: readonly unknown[]): string => `| ${cells.join(' | ')} |`;
  const cellsOf = ({ kind, alerts, p50_ms, p99_ms, max_ms, lost, doubled, memory_mib }: Row): unknown[] => [
    `\`${kind}\``,
    ...[alerts, p50_ms, p99_ms, max_ms, lost, doubled, memory_mib],
  ];
  return [line(head), `|${'---|'.repeat(head.length)}`, ...rows.map((row) => line(cellsOf(row)))];
}

function sum<T>(items: readonly T[], value: (item: T) => number): number {
  return items.reduce((total, item) => total + value(item), 0);
}
