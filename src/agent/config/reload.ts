// The effect of a new configuration on a running agent: channels, cameras, schedules and the telemetry interval change at once, all other
// keys at the next start; the answer lists both. Pure.
import type { Config } from '../../config/index.ts';
import type { ChannelChanges, Reloaded } from '../../status/index.ts';

/** Keys besides the channels that a running agent applies at once; a camera counts as one key. */
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

/** @param others other changes that are applied at once, such as a new certificate in the same file. */
export function changesOf(before: Config, after: Config, others: readonly string[] = []): Reloaded {
  const { channels, ...rest } = before;
  const { channels: channelsAfter, ...restAfter } = after;
  const keys = [...differing(rest, restAfter, []), ...announcementChanges(before, after)];
  return {
    ...channelChanges(channels, channelsAfter),
    applied: [...keys.filter(isAtOnce), ...others],
    needs_restart: keys.filter((key) => !isAtOnce(key)),
  };
}

/** @returns the configuration in use after a reload. Keys that need a restart keep their old value, so that a later reload still lists them. */
export function runningWith(before: Config, { channels, cameras, mqtt, logs, backups }: Config): Config {
  const { interval } = mqtt;
  const { ship, ship_on_alert } = logs;
  return { ...before, channels, cameras, backups, mqtt: { ...before.mqtt, interval }, logs: { ...before.logs, ship, ship_on_alert } };
}

/** The agent announces the command `snapshot` at its connect, and only with a camera; so a first or last camera changes that at the next start. */
function announcementChanges(before: Config, after: Config): string[] {
  const hasCamera = ({ cameras }: Config) => Object.keys(cameras).length > 0;
  const isSnapshot = ([, command]: [string, Config['commands'][string]]) => 'does' in command && command.does === 'snapshot';
  if (hasCamera(before) === hasCamera(after)) return [];
  return Object.entries(before.commands)
    .filter(isSnapshot)
    .map(([name]) => `commands.${name}`);
}

/** Lists single keys of sections; a command counts as one key, because its parts depend on each other. */
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
      ['at the next start', later],
    ] as const
  ).flatMap(([label, names]) => (names.length > 0 ? [`${label}: ${names.join(', ')}`] : []));
  return parts.join('; ') || 'nothing has changed';
}
