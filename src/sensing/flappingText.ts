// Says that an alert flaps, and which settings of its channel would stop that. Pure.
import type { ChannelConfig } from '../config/index.ts';
import { SILENT_SUFFIX, UNUSABLE_SUFFIX } from '../wire/index.ts';
import type { FlappingAlert } from './limitedChannel.ts';

/** @returns a sentence without a full stop; undefined if no alert flaps. */
export function flappingText(alerts: readonly FlappingAlert[], config: ChannelConfig): string | undefined {
  const texts = alerts.map(({ channel, perMinute }) => {
    const rate = `${channel} (${config.topic}) raises its alert about ${perMinute} times a minute, and may do so ${config.alerts_per_minute} times`;
    return `${rate}; it stays raised for the cloud until it is calm; ${remedyOf(channel, config)}`;
  });
  return texts.length === 0 ? undefined : texts.join('; ');
}

function remedyOf(alert: string, config: ChannelConfig): string {
  if (alert.endsWith(SILENT_SUFFIX)) return 'check the sensor, or set a longer max_silence';
  if (alert.endsWith(UNUSABLE_SUFFIX)) return 'check the sensor and its node';
  if (config.event) return `check the detector, or set clear_after longer than ${seconds(config.clear_after ?? 0)}`;
  const { raise, clear } = config.alert_when ?? {};
  if (typeof raise?.value === 'number' && clear === undefined)
    return `check the sensor, or let alert_when have raise: "${raise.comparison} ${raise.value}" and a clear with a distance to it`;
  return `check the sensor, or set hold longer than ${seconds(config.hold)}: the alert then ends once it has been calm for so long`;
}

function seconds(ms: number): string {
  return `${ms / 1_000} s`;
}
