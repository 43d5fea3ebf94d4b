// Raises and clears the alerts that follow from the configuration alone, because no message can. An alert channel that was left out for an
// error cannot warn anybody. The alert of a removed channel would stay raised in the cloud forever.
import { type ChannelConfig, EMPTY, type LoadedConfig } from '../config/index.ts';
import type { NewRow } from '../outbox/index.ts';
import { channelName, type ReadingExtra, SILENT_SUFFIX, UNUSABLE_SUFFIX } from '../wire/index.ts';
import { mintIncident } from './incident.ts';

type Channels = Readonly<Record<string, ChannelConfig>>;
/** A channel with an error in its entry, which was left out. */
type LeftOut = Pick<LoadedConfig['off'][number], 'name' | 'isAlert'>;

/**
 * Clears the alerts of removed channels. If the channel is still an alert channel with the same source, its alert stays raised, even if
 * other settings have changed.
 * @param last each channel's last alert row.
 * @param before the previous channels. Empty at startup.
 * @param leftOut channels with an error in the configuration. Their alerts stay raised until the error is corrected.
 */
export function endedAlerts(
  last: ReadonlyMap<string, ReadingExtra>,
  before: Channels,
  after: Channels,
  leftOut: readonly LeftOut[] = [],
): NewRow[] {
  const continued = new Set([
    ...Object.entries(after).flatMap(([name, channel]) => [
      ...(channel.class === 'alert' && sourceOf(before[name] ?? channel) === sourceOf(channel) ? [name] : []),
      ...(channel.max_silence === undefined ? [] : [name + SILENT_SUFFIX]),
      ...(mayBeUnusable(channel) && rulesOf(before[name] ?? channel) === rulesOf(channel) ? [name + UNUSABLE_SUFFIX] : []),
    ]),
    ...leftOut.flatMap(({ name }) => [name, name + SILENT_SUFFIX, name + UNUSABLE_SUFFIX]),
  ]);
  return [...last].flatMap(([channel, { alert, incident }]): NewRow[] => {
    if (alert !== 'raised' || continued.has(channel)) return [];
    // The value is null, because no measurement has shown that the alert ended.
    return [{ class: 'alert', channel, value: null, extra: { alert: 'cleared', ...(incident === undefined ? {} : { incident }) } }];
  });
}

/**
 * Raises `fall_unusable` if the alert channel `fall` was left out, unless that alert stands already. Skips a name
 * that no row can have.
 * @param last each channel's last alert row.
 */
export function leftOutAlerts(last: ReadonlyMap<string, ReadingExtra>, leftOut: readonly LeftOut[]): NewRow[] {
  return leftOut
    .filter(({ isAlert }) => isAlert)
    .map(({ name }) => name + UNUSABLE_SUFFIX)
    .filter((channel) => channelName.safeParse(channel).success && last.get(channel)?.alert !== 'raised')
    .map((channel) => ({ class: 'alert', channel, value: true, extra: { alert: 'raised', incident: mintIncident() } }));
}

/** An event channel can use every std_msgs/Empty, so an earlier entry was at fault. At startup nothing else shows that it was corrected. */
function mayBeUnusable({ class: rowClass, event, type }: ChannelConfig): boolean {
  return rowClass === 'alert' && !(event && type === EMPTY);
}

/** The settings that decide whether a message arrives and is usable. A corrected entry ends the alert at once. */
function rulesOf(channel: ChannelConfig): string {
  const { type, qos, scale, unit, full, empty, valid, min, max, alert_when: when, event } = channel;
  return JSON.stringify([sourceOf(channel), type, qos, scale, unit, full, empty, valid, min, max, when, event]);
}

function sourceOf({ topic, field, diagnostics }: ChannelConfig): string {
  return JSON.stringify([topic, field, diagnostics]);
}
