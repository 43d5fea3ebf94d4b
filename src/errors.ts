// The program's error class. Each error has a stable code, and a message that must state the failure and the value that caused it.
import { visible } from './base/index.ts';

/** Which side is at fault. If it is the configuration or the environment, a command exits with code 2, otherwise with 1. */
export type Fault = 'configuration' | 'environment' | 'peer' | 'ours';

/** All error codes, each with the side at fault. A retired code must never be reused. */
export const ERROR_CODES = {
  CONFIG_NOT_FOUND: 'configuration',
  CONFIG_SYNTAX: 'configuration',
  CONFIG_INVALID: 'configuration',
  FILE_EXISTS: 'configuration',
  NOTHING_PUBLISHED: 'environment',
  CERTIFICATE_MISSING: 'configuration',
  CERTIFICATE_INVALID: 'configuration',
  KEY_PERMISSIONS: 'configuration',
  KEY_MISMATCH: 'configuration',
  CERTIFICATE_UNFIT: 'configuration',
  CERTS_BUSY: 'environment',
  WIPE_UNCONFIRMED: 'configuration',
  PROVISIONING_UNSET: 'configuration',
  PROVISIONING_REFUSED: 'peer',
  PROVISIONING_FAILED: 'environment',
  FAMILY_KEY_INVALID: 'configuration',
  FAMILY_KEYS_UNWRITABLE: 'environment',
  STATE_DIR_UNWRITABLE: 'environment',
  STATE_DIR_FOREIGN: 'environment',
  STATE_DIR_LOCKED: 'environment',
  OUTBOX_MISSING: 'environment',
  OUTBOX_UNREADABLE: 'environment',
  ROW_NOT_HELD: 'configuration',
  OUTBOX_NEWER: 'environment',
  OUTBOX_UNWRITABLE: 'environment',
  ROS_MISSING: 'environment',
  ROS_BINARY: 'environment',
  ROS_TYPE_UNKNOWN: 'configuration',
  ROS_TOPIC_INVALID: 'configuration',
  ROS_DOMAIN_INVALID: 'configuration',
  ROS_MESSAGE_INVALID: 'configuration',
  MOTION_UNFORCED: 'configuration',
  BACKUP_NO_ROOM: 'environment',
  BACKUP_MISSING: 'environment',
  BACKUP_INVALID: 'configuration',
  BACKUP_SEALED: 'configuration',
  BACKUP_UNVERIFIED: 'configuration',
  IDENTITY_INVALID: 'configuration',
  LOGS_MISSING: 'environment',
  LOGS_SINCE_INVALID: 'configuration',
  PICTURE_INVALID: 'peer',
  PICTURE_MISSING: 'peer',
  AGENT_NOT_RUNNING: 'environment',
  STATUS_FAILED: 'ours',
  BROKER_UNREACHABLE: 'environment',
  SERVICE_FAILED: 'environment',
  LISTEN_FAILED: 'environment',
  CLOSED: 'ours',
} as const satisfies Record<string, Fault>;

/** The limit of a line in characters. It is enough for a path of the longest kind in it. */
const LONGEST = 5_000;

export type ErrorCode = keyof typeof ERROR_CODES;

export interface ErrorDetails {
  /** The user's next step, as a sentence or a command. */
  readonly remedy?: string;
  readonly cause?: unknown;
  /** Additional fields for the log line. They must not contain secrets. */
  readonly fields?: Readonly<Record<string, unknown>>;
}

export class AgentError extends Error {
  readonly code: ErrorCode;
  readonly remedy: string | undefined;
  readonly fields: Readonly<Record<string, unknown>>;

  /**
   * @param message one fault, or several. It quotes texts from others, so each fault becomes one line that a terminal only shows.
   */
  constructor(code: ErrorCode, message: string | readonly string[], details: ErrorDetails = {}) {
    super(linesOf(message).join('\n'), details.cause === undefined ? undefined : { cause: details.cause });
    this.name = 'AgentError';
    this.code = code;
    this.remedy = details.remedy === undefined ? undefined : visible(details.remedy, LONGEST);
    this.fields = details.fields ?? {};
  }

  get fault(): Fault {
    return ERROR_CODES[this.code];
  }

  /** The message and the remedy; one line unless the message has several. */
  get line(): string {
    return this.remedy ? `${this.message}; ${this.remedy}` : this.message;
  }
}

function linesOf(message: string | readonly string[]): string[] {
  return [message].flat().map((line) => visible(line, LONGEST));
}
