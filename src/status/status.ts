// Defines the status object of a running agent: the answer of the status socket and the output of `elderly-bot status --json`.
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
  /** Metered messages per month. Null means no limit. */
  readonly budget: number | null;
  readonly spent: number;
  readonly forecast: number;
  readonly forecast_dollars: number;
  /** The interval of telemetry, which is longer than configured while the month's share is overspent. */
  readonly interval_ms: number;
}

export interface ChannelStatus {
  readonly name: string;
  readonly topic: string;
  /** The subscribed type; null if the configuration says auto and the topic has no publisher. */
  readonly type: string | null;
  /** `waiting`: the topic never had a publisher. `vanished`: all publishers ended. `off`: the topic cannot be subscribed. */
  readonly state: 'published' | 'waiting' | 'vanished' | 'off';
  readonly class: 'alert' | 'telemetry';
  /**
   * `waiting`: the topic has no publisher. `silent`: no usable message for longer than max_silence. `unusable`: messages arrive, but their
   * value cannot be used. `off`: the topic cannot be subscribed.
   */
  readonly health: 'ok' | 'waiting' | 'silent' | 'unusable' | 'off';
  /** Why the health is not ok, or why no message arrived yet; null otherwise. */
  readonly reason: string | null;
  /** The last unusable value as JSON and the YAML line that would work; null if the channel is usable. */
  readonly unusable: { readonly reason: string; readonly raw: string | null; readonly suggestion: string | null } | null;
  readonly value: unknown;
  readonly messages: number;
  readonly readings: number;
  /** Messages per second over the last ten seconds. Null until the first measurement ends. */
  readonly rate_hz: number | null;
  /** Milliseconds since the last message. Null before the first message. */
  readonly age_ms: number | null;
  /** The longest time between two messages. Null before the second message. */
  readonly longest_gap_ms: number | null;
  readonly alert: boolean;
  /** Whether the last message is older than max_silence. */
  readonly silent: boolean;
  /** Messages that exceeded max_rate and were not processed. */
  readonly dropped: number;
}

export interface CameraStatus {
  readonly name: string;
  readonly topic: string;
  /** Images stored in memory since the start. */
  readonly kept: number;
  /** Messages that could not be read as an image. */
  readonly unreadable: number;
  /** Bytes of small images in memory. */
  readonly ring_bytes: number;
  /** The privacy state. Null if it is unknown, which is treated as privacy. */
  readonly privacy: boolean | null;
  /** Milliseconds since the last stored image. Null before the first image. */
  readonly age_ms: number | null;
}

export interface UploadsStatus {
  readonly waiting: number;
  /** Images and clips of incidents among the waiting files. */
  readonly of_incidents: number;
  /** Size of all waiting files. */
  readonly bytes: number;
  /** Milliseconds of running time since the oldest file was spooled. Null if no file waits. */
  readonly oldest_ms: number | null;
}

export interface Status {
  readonly thing: string;
  readonly version: string;
  readonly boot: number;
  /** The end of the previous run. Null in the first run. */
  readonly last_run: Ending | null;
  readonly uptime_ms: number;
  readonly clock: { readonly at: number; readonly trusted: boolean };
  readonly ros: { readonly domain_id: number };
  readonly link: LinkStatus;
  readonly outbox: {
    readonly id: string;
    readonly accepted: number;
    readonly unconfirmed: number;
    /** Milliseconds of running time. Null if all rows are confirmed. */
    readonly oldest_unconfirmed_ms: number | null;
    readonly held: Readonly<Record<RowClass, number>>;
    /** Age of the oldest row of each class. */
    readonly oldest_ms: Readonly<Record<RowClass, number | null>>;
    /** Rows that receipts confirmed since the start. */
    readonly confirmed: number;
    /** Rows that were evicted to free space. Each is declared to the cloud. */
    readonly evicted: number;
    readonly evicted_by: Readonly<Record<EvictionReason, number>>;
    /** Readings that were never written, because writing failed for too long. */
    readonly dropped: number;
    readonly receipts_seen: boolean;
  };
  readonly delivered: {
    readonly acknowledged_rows: number;
    readonly ack_p50_ms: number | null;
    readonly ack_p99_ms: number | null;
    readonly ack_latency: HistogramStatus;
  };
  /** Latency of alerts by hop: from the stamp to the callback, and from the callback to the commit, the PUBACK and the receipt. */
  readonly alert_latency: Readonly<Record<AlertHop, HistogramStatus>>;
  /** Free space on the disk of state_dir at the last measurement. Null if the file system does not report it. */
  readonly disk: { readonly free_bytes: number | null; readonly free_files: number | null };
  readonly wear: {
    /** Bytes that the kernel wrote to disk for this process. Null if the kernel does not report them. */
    readonly written_bytes: number | null;
    /** Bytes written per day. Null in the first ten minutes. */
    readonly bytes_per_day: number | null;
    /** Transactions of the outbox, each with an fsync. */
    readonly commits: HistogramStatus;
    readonly commits_per_day: number | null;
    /** Years until health.disk_endurance is used up at this rate. */
    readonly years: number | null;
  };
  readonly budget: BudgetStatus;
  readonly channels: readonly ChannelStatus[];
  readonly cameras: readonly CameraStatus[];
  /** Null if `uploads.api` is not set. */
  readonly uploads: UploadsStatus | null;
  /** Number of commands since the start, by their final status. */
  readonly commands: Readonly<Record<string, number>>;
  /** Time from the broker's message in this process to the ROS message. */
  readonly command_latency: HistogramStatus;
  /** The command that moves the robot. Null while no motion runs. */
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

/** Fewer messages do not show how regular a sensor is. */
const ENOUGH_MESSAGES = 20;
/** Time that a node needs to restart. */
const RESTART_MS = 30_000;
const LONGEST_GAPS = 3;

/** For channels without max_silence. @returns whether a regular sensor has become silent. False if it has sent too few messages. */
export function isOverdue({ messages, age_ms: age, longest_gap_ms: gap }: ChannelStatus): boolean {
  if (age === null || gap === null || messages < ENOUGH_MESSAGES) return false;
  return age > Math.max(RESTART_MS, LONGEST_GAPS * gap);
}
