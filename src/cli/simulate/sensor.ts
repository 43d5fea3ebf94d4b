// One simulated sensor: what its channel's configuration says becomes messages that a robot could send. Pure.
import type { ChannelConfig } from '../../config/index.ts';
import type { RosMessage } from '../../ros/index.ts';

/** How long a simulated value takes to go up and down once. */
const WAVE_MS = 120_000;

export interface Sensor {
  readonly name: string;
  readonly type: string;
  readonly isAlert: boolean;
  /** @param isOn whether the event is on: a fall, or a value that is an alert. @param nowMs of the simulation. */
  message(isOn: boolean, nowMs: number): RosMessage;
}

/** @returns undefined for a channel whose messages can't be made up: diagnostics, pictures, paths with an index. */
export function sensorOf(name: string, channel: ChannelConfig): Sensor | undefined {
  const isAlert = channel.class === 'alert';
  const path = channel.field.split('|')[0]?.trim() ?? '';
  if (channel.diagnostics || /\[\d+\]/.test(path)) return undefined;
  const type = channel.type ?? (isAlert ? 'std_msgs/msg/Bool' : 'std_msgs/msg/Float32');
  const isWhole = /\/U?Int\d+$/.test(type);
  const value = (isOn: boolean, nowMs: number) => {
    if (isAlert) return eventOf(channel, isOn);
    if (type === 'std_msgs/msg/Bool') return isOn;
    if (type === 'std_msgs/msg/String') return isOn ? 'on' : 'off';
    const raw = waveOf(channel, isOn, nowMs) / channel.scale;
    return isWhole ? Math.round(raw) : raw;
  };
  return { name, type, isAlert, message: (isOn, nowMs) => messageWith(path, value(isOn, nowMs)) };
}

/** A value that raises the alert, or one that clears it. */
function eventOf({ alert_when: when, scale }: ChannelConfig, isOn: boolean): unknown {
  const { raise, clear } = when ?? { raise: { comparison: '==', value: true } as const };
  const { comparison, value } = raise;
  if (typeof value === 'boolean') return (comparison === '==') === isOn ? value : !value;
  if (typeof value === 'string') return (comparison === '==') === isOn ? value : `not ${value}`;
  if (comparison === '==' || comparison === '!=') return ((comparison === '==') === isOn ? value : value + 1) / scale;
  const beyond = comparison.startsWith('>') ? 1 : -1;
  const calm = typeof clear?.value === 'number' ? clear.value : value;
  return (isOn ? value + beyond : calm - beyond) / scale;
}

/** Slowly up and down within what the channel takes for true; an event takes it to the edge. */
function waveOf({ min, max, unit }: ChannelConfig, isOn: boolean, nowMs: number): number {
  const [low, high] = unit === 'percent' ? [40, 95] : unit === 'degC' ? [36, 46] : [min ?? 0, max ?? 100];
  if (isOn) return high;
  const middle = (low + high) / 2;
  return Number((middle + ((high - low) / 4) * Math.sin((2 * Math.PI * nowMs) / WAVE_MS)).toFixed(3));
}

/** An object with this value at the end of the path; `[*]` is a list of one. */
function messageWith(path: string, value: unknown): RosMessage {
  return path
    .split('.')
    .reverse()
    .reduce<unknown>((inner, part) => ({ [part.replace('[*]', '')]: part.endsWith('[*]') ? [inner] : inner }), value) as RosMessage;
}
