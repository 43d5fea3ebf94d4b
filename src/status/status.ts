// What `elderly-bot status` shows and `--json` prints: one object, the same on the socket.
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
  /** Topics on which the broker acknowledged something since the start, and those on which it refused the last. */
  readonly acknowledged: readonly string[];
  readonly refused: readonly string[];
}

export interface BudgetStatus {
  /** Metered messages a month; null: none is set. */
  readonly budget: number | null;
  readonly spent: number;
  readonly forecast: number;
  readonly forecast_dollars: number;
  /** What telemetry waits now: the configured interval, or longer while the month's share is overspent. */
  readonly interval_ms: number;
}

export interface ChannelStatus {
  readonly name: string;
  readonly topic: string;
  /** As it is subscribed; null while nobody publishes and the configuration leaves it open. */
  readonly type: string | null;
  /** `waiting`: nobody ever published. `vanished`: its publishers are gone. `off`: it can't be subscribed. */
  readonly state: 'published' | 'waiting' | 'vanished' | 'off';
  /** Why nothing is heard; null while it is. */
  readonly reason: string | null;
  readonly value: unknown;
  readonly messages: number;
  readonly readings: number;
  /** Messages a second over the last ten seconds; null until it was looked at twice. */
  readonly rate_hz: number | null;
  /** Milliseconds since the last message; null before the first. */
  readonly age_ms: number | null;
  /** The longest that was between two messages; null before the second. */
  readonly longest_gap_ms: number | null;
  readonly alert: boolean;
  /** No message for longer than max_silence. */
  readonly silent: boolean;
  /** Messages beyond max_rate, not looked at. */
  readonly dropped: number;
}

export interface CameraStatus {
  readonly name: string;
  readonly topic: string;
  /** Pictures kept since the start. */
  readonly kept: number;
  /** Pictures that were none. */
  readonly unreadable: number;
  /** Bytes of small pictures in memory. */
  readonly ring_bytes: number;
  /** Whether there is privacy; null: nobody has said, so there is. */
  readonly privacy: boolean | null;
  /** Milliseconds since the last picture that was kept; null before the first. */
  readonly age_ms: number | null;
}

export interface UploadsStatus {
  /** Files that wait, of them pictures and clips of an incident, and their bytes. */
  readonly waiting: number;
  readonly of_incidents: number;
  readonly bytes: number;
  /** Milliseconds since the oldest was spooled, in running time; null where none waits. */
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
    /** Milliseconds of running time; null where all is confirmed. */
    readonly oldest_unconfirmed_ms: number | null;
    readonly held: Readonly<Record<RowClass, number>>;
    /** Age of the oldest row of each class. */
    readonly oldest_ms: Readonly<Record<RowClass, number | null>>;
    /** Rows that receipts of this start said to be in the cloud's database. */
    readonly confirmed: number;
    /** Given up because the room was needed; each is declared to the cloud. */
    readonly evicted: number;
    readonly evicted_by: Readonly<Record<EvictionReason, number>>;
    /** Never written, because nothing could be for too long. */
    readonly dropped: number;
    readonly receipts_seen: boolean;
  };
  readonly delivered: {
    readonly acknowledged_rows: number;
    readonly ack_p50_ms: number | null;
    readonly ack_p99_ms: number | null;
    readonly ack_latency: HistogramStatus;
  };
  /** How long alerts took to get so far: stamp to callback, callback to commit, to PUBACK, to receipt. */
  readonly alert_latency: Readonly<Record<AlertHop, HistogramStatus>>;
  /** What is free on the disk of state_dir, at the last look; null where the file system does not say. */
  readonly disk: { readonly free_bytes: number | null; readonly free_files: number | null };
  readonly wear: {
    /** What this process made the kernel write to disk; null where it does not say. */
    readonly written_bytes: number | null;
    /** As a day of it; null in the first ten minutes. */
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
  /** Null where `uploads.api` is not set. */
  readonly uploads: UploadsStatus | null;
  /** How many commands ended in each status since the start. */
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

/** What `elderly-bot reload` answers. */
export interface Reloaded extends ChannelChanges {
  /** Other keys that were applied, such as `mqtt.interval`. */
  readonly applied: readonly string[];
  /** Keys that differ and count from the next start on. */
  readonly needs_restart: readonly string[];
}

/** What `elderly-bot certs rotate` answers. */
export interface Rotated {
  readonly slot: string;
  readonly certificate_id: string;
}
