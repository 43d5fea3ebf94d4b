// What a new configuration changes in a running agent: channels, cameras, times of schedules and the telemetry interval at once, anything
// else with the next start, and it is said which. Pure.
import type { Config } from '../../config/index.ts';
import type { ChannelChanges, Reloaded } from '../../status/index.ts';

/** Keys beside the channels that a running agent takes over; a camera as a whole. */
const AT_ONCE: readonly string[] = ['mqtt.interval', 'logs.ship', 'logs.ship_on_alert', 'backups.schedule', 'backups.keep'];
const isAtOnce = (key: string): boolean => AT_ONCE.includes(key) || key.startsWith('cameras.');

type Entries = Readonly<Record<string, unknown>>;

export function channelChanges(before: Entries, after: Entries): ChannelChanges {
  const differs = (name: string) => JSON.stringify(before[name]) !== JSON.stringify(after[name]);
  return {
    added: Object.keys(after).filter((name) => !(name in before)),
    removed: Object.keys(before).filter((name) => !(name in after)),
    changed: Object.keys(after).filter((name) => name in before && differs(name)),
  };
}

/** @param others what else is taken over at once, such as a certificate that lies in the same place. */
export function changesOf(before: Config, after: Config, others: readonly string[] = []): Reloaded {
  const { channels, ...rest } = before;
  const { channels: channelsAfter, ...restAfter } = after;
  const keys = [...differing(rest, restAfter, []), ...announcedAnew(before, after)];
  return {
    ...channelChanges(channels, channelsAfter),
    applied: [...keys.filter(isAtOnce), ...others],
    needs_restart: keys.filter((key) => !isAtOnce(key)),
  };
}

/** What it runs with after a reload: what needs a restart keeps its value until then, so that a later reload still says so. */
export function runningWith(before: Config, { channels, cameras, mqtt, logs, backups }: Config): Config {
  const { interval } = mqtt;
  const { ship, ship_on_alert } = logs;
  return { ...before, channels, cameras, backups, mqtt: { ...before.mqtt, interval }, logs: { ...before.logs, ship, ship_on_alert } };
}

/** The cloud is told when the agent connects whether there is a camera to take a picture with. */
function announcedAnew(before: Config, after: Config): string[] {
  const hasCamera = ({ cameras }: Config) => Object.keys(cameras).length > 0;
  const isSnapshot = ([, command]: [string, Config['commands'][string]]) => 'does' in command && command.does === 'snapshot';
  if (hasCamera(before) === hasCamera(after)) return [];
  return Object.entries(before.commands)
    .filter(isSnapshot)
    .map(([name]) => `commands.${name}`);
}

/** Down to single keys, but a command is one: its parts mean nothing alone. */
function differing(before: Entries, after: Entries, path: readonly string[]): string[] {
  return [...new Set([...Object.keys(before), ...Object.keys(after)])].flatMap((key) => {
    const [a, b] = [before[key], after[key]];
    if (JSON.stringify(a) === JSON.stringify(b)) return [];
    const isSection = path.length === 0 && isEntries(a) && isEntries(b);
    return isSection ? differing(a, b, [key]) : [[...path, key].join('.')];
  });
}

function isEntries(value: unknown): value is Entries {
  return value !== null && typeof value === 'object' && !Array.isArray(value);
}

/** For a person. */
export function describeReload({ added, removed, changed, applied, needs_restart: later }: Reloaded): string {
  const parts = (
    [
      ['channels added', added],
      ['channels removed', removed],
      ['channels changed', changed],
      ['applied', applied],
      ['from the next start on', later],
    ] as const
  ).flatMap(([what, names]) => (names.length > 0 ? [`${what}: ${names.join(', ')}`] : []));
  return parts.join('; ') || 'nothing has changed';
}
