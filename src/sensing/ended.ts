// Clears the alerts of removed channels. No message would clear them any more, and they would stay raised in the cloud for ever. An alert
// stays raised if its channel is still an alert with the same source, even if other settings of the channel changed.
import { type ChannelConfig, SILENT_SUFFIX, UNUSABLE_SUFFIX } from '../config/index.ts';
import type { NewRow } from '../outbox/index.ts';
import type { ReadingExtra } from '../wire/index.ts';

type Channels = Readonly<Record<string, ChannelConfig>>;

/**
 * @param last the last alert row of each channel.
 * @param before the previous channels; empty after a start.
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
      ...(channel.class === 'alert' ? [name + UNUSABLE_SUFFIX] : []),
    ]),
    ...disabled.flatMap((name) => [name, name + SILENT_SUFFIX, name + UNUSABLE_SUFFIX]),
  ]);
  return [...last].flatMap(([channel, { alert, incident }]): NewRow[] => {
    if (alert !== 'raised' || continued.has(channel)) return [];
    // No measurement showed the end, so there is no value.
    return [{ class: 'alert', channel, value: null, extra: { alert: 'cleared', ...(incident === undefined ? {} : { incident }) } }];
  });
}

function sourceOf({ topic, field, diagnostics }: ChannelConfig): string {
  return JSON.stringify([topic, field, diagnostics]);
}
