// Options of the uplink: broker and identity, limits, and the modules that it serves.
import type { Logger } from 'pino';
import type { BackoffLimits } from '../base/index.ts';
import type { Clock } from '../clock/index.ts';
import type { Credentials } from '../identity/index.ts';
import type { Outbox } from '../outbox/index.ts';
import type { Lifetime } from '../state/index.ts';
import type { Problems } from '../status/index.ts';
import type { AnnouncedCommand } from '../wire/index.ts';
import type { UplinkMemory } from './memory.ts';
import type { QuotaLimits } from './quota.ts';
import type { Connect, Message } from './session.ts';

export interface UplinkOptions {
  readonly thing: string;
  readonly topicPrefix: string;
  readonly host: string;
  /** Undefined: 8883, then 443 with ALPN. */
  readonly port: number | undefined;
  readonly credentials: Credentials;
  readonly version: string;
  readonly intervalMs: number;
  readonly keepaliveMs: number;
  readonly connectTimeoutMs: number;
  readonly ackTimeoutMs: number;
  readonly window: number;
  readonly backoff: BackoffLimits;
  readonly quota: QuotaLimits;
  /** Metered messages a month; null: no budget. */
  readonly budget: number | null;
  readonly memory: UplinkMemory;
  readonly outbox: Outbox;
  readonly clock: Clock;
  readonly lifetime: Lifetime;
  readonly problems: Problems;
  readonly log: Logger;
  readonly commands: readonly AnnouncedCommand[];
  readonly onCommand: (message: Message) => void;
  /** A connection that was up is over, for whatever reason. */
  readonly onLinkLost: () => void;
  readonly onAck: (latencyMs: number, rows: number) => void;
  /** Makes a connection; by default MQTT over TLS. */
  readonly connect?: Connect;
}
