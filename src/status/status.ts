// The status object of a running agent: the answer of the status socket and the output of `elderly-bot status --json`.
import type { AlertHop, RowClass } from '../outbox/index.ts';
import type { Ending } from '../service/index.ts';
import type { EvictionReason } from '../wire/index.ts';
import type { HistogramStatus } from './histogram.ts';
import type { ProblemCode, Severity } from './problemList.ts';

export interface LinkStatus {
  readonly state: 'connecting' | 'connected' | 'waiting' | 'stopped';
  readonly since_ms: number;
  readonly endpoint: string;
  /** 4 is MQTT 3.1.1. */
  readonly mqtt_version: 4 | 5 | null;
  readonly connects: number;
  readonly failures_in_a_row: number;
  /** Topics on which the broker acknowledged a message since the start, and topics on which it refused the last message. */
  readonly acknowledged: readonly string[];
  readonly refused: readonly string[];
}

export interface BudgetStatus {
  /** Metered messages per month; null: no limit. */
  readonly budget: number | null;
  readonly spent: number;
  readonly forecast: number;
  readonly forecast_dollars: number;
  /** The interval of telemetry: as configured, or longer while the month's share is overspent. */
  readonly interval_ms: number;
}

export interface ChannelStatus {
  readonly name: string;
  readonly topic: string;
  /** The subscribed type; null if the configuration says auto and the topic has no publisher. */
  readonly type: string | null;
  /** `waiting`: the topic never had a publisher. `vanished`: all publishers have gone. `off`: the topic cannot be subscribed. */
  readonly state: 'published' | 'waiting' | 'vanished' | 'off';
  /** Why no messages arrive; null while they do. */
  readonly reason: string | null;
  readonly value: unknown;
  readonly messages: number;
  readonly readings: number;
  /** Messages per second over the last ten seconds; null before the second look. */
  readonly rate_hz: number | null;
  /** Milliseconds since the last message; null before the first message. */
  readonly age_ms: number | null;
  /** The longest time between two messages; null before the second message. */
  readonly longest_gap_ms: number | null;
  readonly alert: boolean;
  /** No message for longer than max_silence. */
  readonly silent: boolean;
  /** Messages above max_rate, which were not processed. */
  readonly dropped: number;
}

export interface CameraStatus {
  readonly name: string;
  readonly topic: string;
  /** Pictures stored in memory since the start. */
  readonly kept: number;
  /** Messages that were not readable as a picture. */
  readonly unreadable: number;
  /** Bytes of small pictures in memory. */
  readonly ring_bytes: number;
  /** The privacy state; null: unknown, which counts as privacy. */
  readonly privacy: boolean | null;
  /** Milliseconds since the last stored picture; null before the first. */
  readonly age_ms: number | null;
}

export interface UploadsStatus {
  /** Files that wait; of these the pictures and clips of incidents; bytes of all. */
  readonly waiting: number;
  readonly of_incidents: number;
  readonly bytes: number;
  /** Milliseconds of running time since the oldest file was spooled; null if none waits. */
  readonly oldest_ms: number | null;
}

export interface Status {
  readonly thing: string;
  readonly version: string;
  readonly boot: number;
  /** Why the run before this one ended; null for the first. */
  readonly last_run: Ending | null;
  readonly uptime_ms: number;
  readonly clock: { readonly at: number; readonly trusted: boolean };
  readonly ros: { readonly domain_id: number };
  readonly link: LinkStatus;
  readonly outbox: {
    readonly id: string;
    readonly accepted: number;
    readonly unconfirmed: number;
    /** Milliseconds of running time; null if all rows are confirmed. */
    readonly oldest_unconfirmed_ms: number | null;
    readonly held: Readonly<Record<RowClass, number>>;
    /** Age of the oldest row of each class. */
    readonly oldest_ms: Readonly<Record<RowClass, number | null>>;
    /** Rows that receipts confirmed since the start. */
    readonly confirmed: number;
    /** Rows that were evicted to free space; each is declared to the cloud. */
    readonly evicted: number;
    readonly evicted_by: Readonly<Record<EvictionReason, number>>;
    /** Rows that were never written, because writing failed for too long. */
    readonly dropped: number;
    readonly receipts_seen: boolean;
  };
  readonly delivered: {
    readonly acknowledged_rows: number;
    readonly ack_p50_ms: number | null;
    readonly ack_p99_ms: number | null;
    readonly ack_latency: HistogramStatus;
  };
  /** Latency of alerts by hop: stamp to callback, and from the callback to the commit, the PUBACK and the receipt. */
  readonly alert_latency: Readonly<Record<AlertHop, HistogramStatus>>;
  /** Free space on the disk of state_dir at the last look; null if the file system does not report it. */
  readonly disk: { readonly free_bytes: number | null; readonly free_files: number | null };
  readonly wear: {
    /** Bytes that the kernel wrote to disk for this process; null if it does not report them. */
    readonly written_bytes: number | null;
    /** The same per day; null in the first ten minutes. */
    readonly bytes_per_day: number | null;
    /** Transactions of the outbox, each with an fsync. */
    readonly commits: HistogramStatus;
    readonly commits_per_day: number | null;
    /** How long health.disk_endurance lasts at this rate. */
    readonly years: number | null;
  };
  readonly budget: BudgetStatus;
  readonly channels: readonly ChannelStatus[];
  readonly cameras: readonly CameraStatus[];
  /** Null if `uploads.api` is not set. */
  readonly uploads: UploadsStatus | null;
  /** Commands since the start by their final status. */
  readonly commands: Readonly<Record<string, number>>;
  /** From the broker's message in this process to the ROS message. */
  readonly command_latency: HistogramStatus;
  /** The command that moves the robot; null when it stands. */
  readonly moving: string | null;
  readonly problems: readonly {
    readonly code: ProblemCode;
    readonly severity: Severity;
    readonly subject: string;
    readonly text: string;
    readonly remedy: string;
    readonly since_ms: number;
  }[];
}

export interface ChannelChanges {
  readonly added: readonly string[];
  readonly removed: readonly string[];
  readonly changed: readonly string[];
}

/** The answer to `elderly-bot reload`. */
export interface Reloaded extends ChannelChanges {
  /** Other keys that were applied, such as `mqtt.interval`. */
  readonly applied: readonly string[];
  /** Changed keys that take effect at the next start. */
  readonly needs_restart: readonly string[];
}

/** The answer to `elderly-bot certs rotate`. */
export interface Rotated {
  readonly slot: string;
  readonly certificate_id: string;
}
