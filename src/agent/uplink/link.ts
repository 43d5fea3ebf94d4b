// Creates the uplink from the configuration.

import { messageOf } from '../../base/index.ts';
import type { Clock } from '../../clock/index.ts';
import { announce, type Commands } from '../../commands/index.ts';
import { type Config, endpointOf } from '../../config/index.ts';
import type { Credentials } from '../../identity/index.ts';
import type { Logger } from '../../logs/index.ts';
import type { Outbox } from '../../outbox/index.ts';
import type { Lifetime } from '../../state/index.ts';
import type { LinkStatus, Problems } from '../../status/index.ts';
import { Uplink, UplinkMemory } from '../../uplink/index.ts';
import { VERSION } from '../../version.ts';

export interface LinkParts {
  readonly config: Config;
  readonly credentials: Credentials;
  readonly outbox: Outbox;
  readonly clock: Clock;
  readonly lifetime: Lifetime;
  readonly problems: Problems;
  readonly commands: Commands;
  readonly log: Logger;
  readonly onAck: (latencyMs: number, rows: number) => void;
}

export function makeUplink({ config, commands, log, ...parts }: LinkParts): Uplink {
  const { host, port } = endpointOf(config.mqtt.endpoint);
  return new Uplink({
    ...parts,
    thing: config.thing,
    topicPrefix: config.topic_prefix,
    host,
    port,
    version: VERSION,
    intervalMs: config.mqtt.interval,
    keepaliveMs: config.mqtt.keepalive,
    connectTimeoutMs: config.mqtt.connect_timeout,
    ackTimeoutMs: config.mqtt.ack_timeout,
    window: config.mqtt.window,
    quota: { messagesPerSecond: config.mqtt.messages_per_second, bytesPerSecond: config.mqtt.bytes_per_second },
    budget: config.mqtt.budget,
    memory: new UplinkMemory(config.state_dir),
    backoff: { minMs: config.mqtt.reconnect_min, maxMs: config.mqtt.reconnect_max },
    log: log.child({ module: 'uplink' }),
    commands: announce(config.commands, (own) => commands.unable(own)),
    onCommand: (message) => commands.receive(message),
    onLinkLost: () => commands.halt('the link to the broker was lost'),
  });
}

/** How long the present connection has lasted; undefined without a connection. */
export function connectedForMs({ state, since_ms: sinceMs }: LinkStatus): number | undefined {
  return state === 'connected' ? sinceMs : undefined;
}

/** Called at the stop. A full disk must not make the stop fail; only the remembered port and the month's count are lost. */
export function saveUplink(uplink: Uplink, log: Logger): void {
  try {
    uplink.save();
  } catch (error) {
    log.warn(
      { event: 'uplink_unsaved', reason: messageOf(error) },
      'the way to the broker and the month’s count of messages are as last saved',
    );
  }
}
