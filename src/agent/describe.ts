// What `elderly-bot status` asks for, gathered from the rooms at the moment of asking.
import type { Clock, Ending, Lifetime } from '../clock/index.ts';
import type { Commands } from '../commands/index.ts';
import type { Outbox } from '../outbox/index.ts';
import type { Problems, Status } from '../status/index.ts';
import type { Uplink } from '../uplink/index.ts';
import { VERSION } from '../version.ts';
import type { Cameras } from './cameras.ts';
import type { Channels } from './channels.ts';

export interface StatusParts {
  readonly thing: string;
  readonly clock: Clock;
  readonly lifetime: Lifetime;
  readonly ending: Ending | undefined;
  readonly outbox: Outbox;
  readonly uplink: Uplink;
  readonly channels: Channels;
  readonly cameras: Cameras;
  readonly commands: Commands;
  readonly problems: Problems;
  readonly delivered: () => Status['delivered'];
}

export function describe(parts: StatusParts): Status {
  const { thing, clock, lifetime, ending, outbox, uplink, channels, cameras, commands, problems } = parts;
  return {
    thing,
    version: VERSION,
    boot: lifetime.boot,
    last_run: ending ?? null,
    uptime_ms: clock.mono(),
    clock: { at: clock.wall(), trusted: clock.trusted() },
    link: uplink.status(),
    outbox: {
      id: outbox.id,
      accepted: outbox.accepted,
      unconfirmed: outbox.unconfirmed,
      held: outbox.depth(),
      evicted: outbox.evicted,
      dropped: outbox.dropped,
      receipts_seen: lifetime.receiptsSeen,
    },
    delivered: parts.delivered(),
    budget: uplink.budget(),
    channels: channels.status(),
    cameras: cameras.status(),
    commands: commands.counts(),
    command_latency: commands.latency(),
    moving: commands.moving,
    problems: problems.standing().map(({ code, severity, subject, text, todo, sinceMs }) => ({
      code,
      severity,
      subject,
      text,
      todo,
      since_ms: clock.mono() - sinceMs,
    })),
  };
}
