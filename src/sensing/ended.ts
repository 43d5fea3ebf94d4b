// Alerts whose channel can't say any more that they are over: they are ended with it, or they would stand in the cloud for ever. One
// whose channel goes on as an alert of the same source stands until that source says otherwise, whatever else has changed. Pure.
import { type ChannelConfig, SILENT_SUFFIX } from '../config/index.ts';
import type { NewRow } from '../outbox/index.ts';
import type { ReadingExtra } from '../wire/index.ts';

type Channels = Readonly<Record<string, ChannelConfig>>;

/**
 * @param last each channel's last alert row. @param before the channels until now; none after a start.
 * @param disabled channels that are written, but wrong: once they are mended, what stands is theirs again.
 */
export function endedAlerts(
  last: ReadonlyMap<string, ReadingExtra>,
  before: Channels,
  after: Channels,
  disabled: readonly string[] = [],
): NewRow[] {
  const goesOn = new Set([
    ...Object.entries(after).flatMap(([name, { class: of, max_silence: maxSilence }]) => [
      ...(of === 'alert' && isSameSource(before[name] ?? after[name], after[name]) ? [name] : []),
      ...(maxSilence === undefined ? [] : [name + SILENT_SUFFIX]),
    ]),
    ...disabled.flatMap((name) => [name, name + SILENT_SUFFIX]),
  ]);
  return [...last].flatMap(([channel, { alert, incident }]): NewRow[] => {
    if (alert !== 'raised' || goesOn.has(channel)) return [];
    // Nobody measured that it is over, so there is no value.
    return [{ class: 'alert', channel, value: null, extra: { alert: 'cleared', ...(incident === undefined ? {} : { incident }) } }];
  });
}

function isSameSource(a: ChannelConfig | undefined, b: ChannelConfig | undefined): boolean {
  const sourceOf = (channel: ChannelConfig | undefined) => JSON.stringify([channel?.topic, channel?.field, channel?.diagnostics]);
  return sourceOf(a) === sourceOf(b);
}
