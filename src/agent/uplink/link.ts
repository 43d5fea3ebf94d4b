import { messageOf } from '../../base/index.ts';
import type { SystemClock } from '../../clock/index.ts';
import { announce } from '../../commands/index.ts';
import { brokerOf, type LoadedConfig } from '../../config/index.ts';
import type { Logger } from '../../logs/index.ts';
import { Uplink, UplinkMemory } from '../../uplink/index.ts';
import { VERSION } from '../../version.ts';
import type { Parts } from '../lifecycle/parts.ts';

interface LinkParts
  extends Pick<Parts, 'config' | 'storage' | 'credentials' | 'outbox' | 'lifetime' | 'problems' | 'metrics' | 'commands' | 'log'> {
  readonly clock: SystemClock;
  /** The configuration in use, including the changes from reloads. */
  readonly live: { readonly loaded: LoadedConfig };
}

export function createUplink(parts: LinkParts): Uplink {
  const { config, storage, live, credentials, outbox, clock, lifetime, problems, metrics, commands, log } = parts;
  return new Uplink({
    credentials,
    outbox,
    clock,
    lifetime,
    problems,
    thing: config.thing,
    topicPrefix: config.topic_prefix,
    ...brokerOf(config.mqtt),
    version: VERSION,
    storageFailed: storage.failure !== undefined,
    intervalMs: config.mqtt.interval,
    keepaliveMs: config.mqtt.keepalive,
    connectTimeoutMs: config.mqtt.connect_timeout,
    ackTimeoutMs: config.mqtt.ack_timeout,
    alertTimeoutMs: config.mqtt.alert_timeout,
    window: config.mqtt.window,
    quota: { messagesPerSecond: config.mqtt.messages_per_second, bytesPerSecond: config.mqtt.bytes_per_second },
    budget: config.mqtt.budget,
    memory: new UplinkMemory(storage.folder),
    backoff: { minMs: config.mqtt.reconnect_min, spreadMs: config.mqtt.reconnect_spread, maxMs: config.mqtt.reconnect_max },
    log: log.child({ module: 'uplink' }),
    commands: announce(config.commands, (action) => commands.unable(action)),
    channels: () => Object.keys(live.loaded.config.channels),
    onAck: (latencyMs, rows) => metrics.acked(latencyMs, rows),
    onCommand: (message) => commands.receive(message),
    onCloudTime: (cloudMs, sentMonoMs) => clock.hear(cloudMs, sentMonoMs),
    onLinkLost: () => commands.halt('the link to the broker was lost'),
  });
}

/** Saves the broker port and the month's message count. Called at shutdown, which must not fail because of a full disk. */
export function saveUplink(uplink: Uplink, log: Logger): void {
  try {
    uplink.save();
  } catch (error) {
    const text = 'the broker port and the month’s count of messages could not be saved; the next run uses older values';
    log.warn({ event: 'uplink_unsaved', reason: messageOf(error) }, text);
  }
}
