// Clears the alerts of removed channels. No message could clear them any more, so they would stay raised in the cloud forever. If the
// channel is still an alert channel with the same source, its alert stays raised, even if other settings have changed.
import { type ChannelConfig, EMPTY_TYPE } from '../config/index.ts';
import type { NewRow } from '../outbox/index.ts';
import { type ReadingExtra, SILENT_SUFFIX, UNUSABLE_SUFFIX } from '../wire/index.ts';

type Channels = Readonly<Record<string, ChannelConfig>>;

/**
 * @param last each channel's last alert row.
 * @param before the previous channels. Empty at startup.
 * @param disabled channels with an error in the configuration. Their alerts stay raised until the error is corrected.
 */
export function endedAlerts(
  last: ReadonlyMap<string, ReadingExtra>,
  before: Channels,
  after: Channels,
  disabled: readonly string[] = [],
): NewRow[] {
  const continued = new Set([
    ...Object.entries(after).flatMap(([name, channel]) => [
      ...(channel.class === 'alert' && sourceOf(before[name] ?? channel) === sourceOf(channel) ? [name] : []),
      ...(channel.max_silence === undefined ? [] : [name + SILENT_SUFFIX]),
      ...(mayBeUnusable(channel) && rulesOf(before[name] ?? channel) === rulesOf(channel) ? [name + UNUSABLE_SUFFIX] : []),
    ]),
    ...disabled.flatMap((name) => [name, name + SILENT_SUFFIX, name + UNUSABLE_SUFFIX]),
  ]);
  return [...last].flatMap(([channel, { alert, incident }]): NewRow[] => {
    if (alert !== 'raised' || continued.has(channel)) return [];
    // The value is null, because no measurement has shown that the alert ended.
    return [{ class: 'alert', channel, value: null, extra: { alert: 'cleared', ...(incident === undefined ? {} : { incident }) } }];
  });
}

/** An event channel can use every std_msgs/Empty, so an earlier entry was at fault. At startup nothing else shows that it was corrected. */
function mayBeUnusable({ class: rowClass, event, type }: ChannelConfig): boolean {
  return rowClass === 'alert' && !(event && type === EMPTY_TYPE);
}

/** The settings that decide whether a message is usable. A corrected entry ends the alert at once. */
function rulesOf(channel: ChannelConfig): string {
  const { type, scale, unit, full, empty, valid, min, max, alert_when: when, event } = channel;
  return JSON.stringify([sourceOf(channel), type, scale, unit, full, empty, valid, min, max, when, event]);
}

function sourceOf({ topic, field, diagnostics }: ChannelConfig): string {
  return JSON.stringify([topic, field, diagnostics]);
}
