// The status object of a running agent, which the status socket returns and `elderly-bot status --json` prints.
import type { AlertHop, RowClass } from '../outbox/index.ts';
import type { Ending } from '../service/index.ts';
import type { EvictionReason } from '../wire/index.ts';
import type { HistogramStatus } from './histogram.ts';
import type { Severity } from './problemEntry.ts';
import type { ProblemCode } from './problemList.ts';

export interface LinkStatus {
  readonly state: 'connecting' | 'connected' | 'waiting' | 'stopped';
  readonly since_ms: number;
  readonly endpoint: string;
  /** The way to the broker. Null without a connection. */
  readonly path: {
    /** Null if the kernel's routing table chooses. */
    readonly interface: string | null;
    readonly address: string;
    readonly port: number;
    /** Whether only alerts, results and presence are sent over it. */
    readonly metered: boolean;
  } | null;
  /** The MQTT protocol level; 4 means MQTT 3.1.1. */
  readonly mqtt_version: 4 | 5 | null;
  readonly connects: number;
  readonly failures_in_a_row: number;
  /** Milliseconds until the next connection attempt. Null if the robot is connected or connecting. */
  readonly next_attempt_ms: number | null;
  /** Topics on which the broker has acknowledged a message since startup. */
  readonly acknowledged: readonly string[];
  /** Topics on which the broker refused the latest message. */
  readonly refused: readonly string[];
  /** Topics whose subscription the broker refused when it was last tried. */
  readonly refused_subscriptions: readonly string[];
}

export interface BudgetStatus {
  /** Metered messages per month. Null means no limit. */
  readonly budget: number | null;
  readonly spent: number;
  readonly forecast: number;
  readonly forecast_dollars: number;
  /** The current telemetry interval, which is longer than configured while the message budget is overspent. */
  readonly interval_ms: number;
}

export interface ChannelStatus {
  readonly name: string;
  readonly topic: string;
  /** The message type subscribed to; null if it is set to auto and the topic has no publisher. */
  readonly type: string | null;
  /** `waiting`: no publisher so far. `vanished`: all publishers have gone. `off`: the topic can't be subscribed to. */
  readonly state: 'published' | 'waiting' | 'vanished' | 'off';
  readonly class: 'alert' | 'telemetry';
  /**
   * `waiting`: the topic has no publisher. `silent`: no usable message has arrived for longer than max_silence. `unusable`: messages
   * arrive, but their values are unusable. `off`: the topic can't be subscribed to.
   */
  readonly health: 'ok' | 'waiting' | 'silent' | 'unusable' | 'off';
  /** Why the channel's health is not ok, or why no message has arrived yet; otherwise null. */
  readonly reason: string | null;
  /** Why messages are unusable, the last such value as JSON, and a configuration line that would work; null if the channel is usable. */
  readonly unusable: { readonly reason: string; readonly raw: string | null; readonly suggestion: string | null } | null;
  /** How the channel reads its messages, if it finds that out by itself: a battery with `unit: auto`. Otherwise null. */
  readonly reads: string | null;
  readonly value: unknown;
  readonly messages: number;
  readonly readings: number;
  /** Messages per second over the last ten seconds. Null until the first measurement is complete. */
  readonly rate_hz: number | null;
  /** Milliseconds since the last message. Null before the first message. */
  readonly age_ms: number | null;
  /** The longest time between two messages. Null before the second message. */
  readonly longest_gap_ms: number | null;
  readonly alert: boolean;
  /** The occurrences of the present alert, or of the last one since startup if none stands. Null if the channel does not report events. */
  readonly occurrences: number | null;
  /** Whether the last message is older than max_silence. */
  readonly silent: boolean;
  /** Messages that were not processed: they exceeded max_rate, or DDS lost them before they were taken. */
  readonly dropped: number;
}

export interface CameraStatus {
  readonly name: string;
  readonly topic: string;
  /** Number of images stored in memory since startup. */
  readonly kept: number;
  /** Number of messages that could not be decoded as images. */
  readonly unreadable: number;
  /** Total size of the small images that are held in memory. */
  readonly ring_bytes: number;
  /** Whether privacy is on. Null if that is unknown, in which case the agent assumes that it is on. */
  readonly privacy: boolean | null;
  /** Milliseconds since the last stored image. Null before the first image. */
  readonly age_ms: number | null;
}

export interface UploadsStatus {
  readonly waiting: number;
  /** How many of the waiting files are images or clips of incidents. */
  readonly of_incidents: number;
  /** Total size of the waiting files. */
  readonly bytes: number;
  /** How long the oldest file has been waiting, in milliseconds of running time. Null if no file is waiting. */
  readonly oldest_ms: number | null;
}

/** The local reaction to alerts that the cloud does not confirm (docs/guide/reflex.md). */
export interface ReflexStatus {
  /** `armed`: no announced alert is unconfirmed. `fired`: the agent announced an alert that the cloud has not confirmed. `off`: a fault. */
  readonly state: 'armed' | 'fired' | 'off';
  /** Why the reflex is off; otherwise null. */
  readonly reason: string | null;
  readonly topics: readonly string[];
  /** Topics without a subscription. */
  readonly unheard: readonly string[];
  readonly after_ms: number;
  /** Alerts that wait for their confirmation and are not announced yet. */
  readonly waiting: readonly string[];
  /** Announced alerts without a confirmation. */
  readonly announced: readonly string[];
  /** Number of announcements since startup. */
  readonly announcements: number;
  /** Milliseconds since the last announcement. Null before the first. */
  readonly last_ms: number | null;
}

export interface Status {
  readonly thing: string;
  readonly version: string;
  readonly boot: number;
  /** How the previous run ended. Null in the first run. */
  readonly last_run: Ending | null;
  readonly uptime_ms: number;
  readonly clock: {
    readonly at: number;
    readonly trusted: boolean;
    /** The source that confirms the time. Null if nothing contradicts it, or if it is not trusted. */
    readonly confirmed_by: 'time_service' | 'cloud' | null;
    /** Why the clock is not trusted. Null if it is. */
    readonly distrust: string | null;
  };
  readonly ros: {
    readonly domain_id: number;
    /** The value of ROS_DISCOVERY_SERVER. Null if nodes find each other without a server. */
    readonly discovery_server: string | null;
    /** The circle of those who can join the ROS graph, and the setting that decides. */
    readonly reach: { readonly from: 'machine' | 'network' | 'key_holders' | 'unknown'; readonly why: string };
  };
  readonly link: LinkStatus;
  readonly outbox: {
    readonly id: string;
    readonly accepted: number;
    readonly unconfirmed: number;
    /** How long the oldest unconfirmed row has been waiting, in milliseconds of running time. Null if all rows are confirmed. */
    readonly oldest_unconfirmed_ms: number | null;
    readonly held: Readonly<Record<RowClass, number>>;
    /** Age of the oldest row in each class by the wall clock, in milliseconds. Null if there is no row. */
    readonly oldest_ms: Readonly<Record<RowClass, number | null>>;
    /** Rows that receipts have confirmed since startup. */
    readonly confirmed: number;
    /** Rows that were deleted before the cloud confirmed them. Each is declared to the cloud. */
    readonly evicted: number;
    readonly evicted_by: Readonly<Record<EvictionReason, number>>;
    /** Readings dropped from memory because they could not be written for too long. */
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
  /** Free space on the disk of state_dir, as last measured. Null if the file system does not report it. */
  readonly disk: { readonly free_bytes: number | null; readonly free_files: number | null };
  readonly wear: {
    /** Bytes that the kernel wrote to disk for this process. Null if the kernel does not report them. */
    readonly written_bytes: number | null;
    /** Bytes written per day, on average since startup. Null in the first ten minutes. */
    readonly bytes_per_day: number | null;
    /** Durations of the outbox's transactions, including the fsync of each. */
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
  /** Number of commands since startup, by final status. */
  readonly commands: Readonly<Record<string, number>>;
  /** Time from receiving a command from the broker to publishing its ROS message. */
  readonly command_latency: HistogramStatus;
  /** The command that is moving the robot now. Null if there is no motion. */
  readonly moving: string | null;
  /** Null if the robot has no reflex. */
  readonly reflex: ReflexStatus | null;
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
  /** Other changed keys that are now in effect, such as `mqtt.interval`. */
  readonly applied: readonly string[];
  /** Changed keys that take effect only when the agent restarts. */
  readonly needs_restart: readonly string[];
}

/** The answer to `elderly-bot certs rotate`. */
export interface Rotated {
  readonly slot: string;
  readonly certificate_id: string;
}

/** A sensor must have sent this many messages before its longest gap says how regularly it publishes. */
const ENOUGH_MESSAGES = 20;
/** A node may need this long to restart, so a shorter silence is not suspicious. */
const RESTART_MS = 30_000;
const LONGEST_GAPS = 3;

/** Whether a sensor that used to publish regularly has gone quiet. Needs no max_silence: it compares the silence with earlier gaps. */
export function isOverdue({ messages, age_ms: age, longest_gap_ms: gap, occurrences }: ChannelStatus): boolean {
  if (occurrences !== null || age === null || gap === null || messages < ENOUGH_MESSAGES) return false;
  return age > Math.max(RESTART_MS, LONGEST_GAPS * gap);
}
