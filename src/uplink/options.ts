// Defines the uplink's options, and the file that keeps its state across restarts.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Logger } from 'pino';
import * as z from 'zod';
import { replaceFile } from '../base/index.ts';
import type { Clock } from '../clock/index.ts';
import type { Outbox } from '../outbox/index.ts';
import type { Lifetime } from '../state/index.ts';
import type { Problems } from '../status/index.ts';
import type { AnnouncedCommand } from '../wire/index.ts';
import type { BrokerAccess, KnownBroker } from './dialer.ts';
import type { QuotaLimits } from './limits.ts';
import type { Links } from './network/links.ts';
import type { PaceLimits } from './pace.ts';
import type { Connect, Message } from './session.ts';

export interface UplinkOptions extends Omit<BrokerAccess, 'timeoutMs'> {
  readonly thing: string;
  readonly topicPrefix: string;
  readonly version: string;
  /** Whether the robot cannot write to its disk. */
  readonly storageFailed?: boolean;
  readonly intervalMs: number;
  readonly keepaliveMs: number;
  readonly connectTimeoutMs: number;
  readonly ackTimeoutMs: number;
  /** If an alert has no acknowledgement after this time, another path is tried. */
  readonly alertTimeoutMs: number;
  /** How many unacknowledged messages may be in flight. */
  readonly window: number;
  readonly backoff: PaceLimits;
  readonly quota: QuotaLimits;
  /** Metered messages per month; null means no budget. */
  readonly budget: number | null;
  readonly memory: UplinkMemory;
  readonly outbox: Outbox;
  readonly clock: Clock;
  readonly lifetime: Lifetime;
  readonly problems: Problems;
  readonly log: Logger;
  readonly commands: readonly AnnouncedCommand[];
  /** Returns the names of the channels that the robot has now. */
  readonly channels: () => readonly string[];
  readonly onCommand: (message: Message) => void;
  /**
   * Called if a receipt carries the cloud's time.
   * @param sentMonoMs a monotonic time of this run, at or after which the robot sent a message that the cloud had before it read its clock.
   */
  readonly onCloudTime?: (cloudMs: number, sentMonoMs: number) => void;
  /** Called when a connection has ended for any reason. */
  readonly onLinkLost: () => void;
  readonly onAck: (latencyMs: number, rows: number) => void;
  /** Reads the machine's links. Tests replace it. */
  readonly readLinks?: () => Links;
  /** Opens a connection. Defaults to MQTT over TLS; tests replace it. */
  readonly connect?: Connect;
}

const schema = z.object({
  /** The broker that the other values belong to; null in a file of an earlier version. */
  host: z.string().nullable().default(null),
  /** Port of the last successful connection; null if there was no connection yet. */
  port: z.int().min(1).max(65_535).nullable(),
  /** The broker's addresses, in case the name servers fail. */
  addresses: z.array(z.union([z.ipv4(), z.ipv6()])).default([]),
  spending: z.object({ month: z.string(), messages: z.int().min(0) }),
});

/** Keeps the last good port, the broker's addresses and the month's message count in the state directory. An unreadable file resets all. */
export class UplinkMemory {
  readonly #file: string;
  #isBrokerSaved = false;

  constructor(stateDir: string) {
    this.#file = join(stateDir, 'uplink.json');
  }

  load(): z.infer<typeof schema> {
    try {
      return schema.parse(JSON.parse(readFileSync(this.#file, 'utf8')));
    } catch {
      return { host: null, port: null, addresses: [], spending: { month: '', messages: 0 } };
    }
  }

  /** @throws an error from the file system */
  save(memory: z.infer<typeof schema>): void {
    replaceFile(this.#file, `${JSON.stringify(memory)}\n`);
  }

  /** Saves the broker's address once per run, because a power cut ends a run without a stop. Other parts report a failing disk. */
  saveBroker({ addresses, ...known }: KnownBroker): void {
    if (this.#isBrokerSaved) return;
    this.#isBrokerSaved = true;
    try {
      this.save({ ...this.load(), ...known, addresses: [...addresses] });
    } catch {
      // The stop saves it again.
    }
  }
}
