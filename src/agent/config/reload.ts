// Reloads the configuration while the agent runs. Channels, cameras, the reflex, schedules and the telemetry interval change at once,
// everything else at the next startup. The answer lists both.
import { messageOf } from '../../base/index.ts';
import type { Config, LoadedConfig } from '../../config/index.ts';
import { AgentError } from '../../errors.ts';
import type { Logger } from '../../logs/index.ts';
import type { Reloaded } from '../../status/index.ts';
import type { Parts } from '../lifecycle/parts.ts';

/** The parts that a reload may change. */
export type Followers = Pick<Parts, 'channels' | 'cameras' | 'reflex' | 'scheduled' | 'uplink' | 'identity' | 'problems'>;

/** How many errors the problem's text contains. A completely wrong file has so many errors that the text would be too long. */
const ERRORS_SHOWN = 3;

export class LiveConfig {
  readonly #reread: () => LoadedConfig;
  readonly #log: Logger;
  #loaded: LoadedConfig;
  #followers: Followers | undefined;

  /** @param reread reads the same configuration again. It throws AgentError if the configuration is invalid. */
  constructor(loaded: LoadedConfig, reread: () => LoadedConfig, log: Logger) {
    this.#loaded = loaded;
    this.#reread = reread;
    this.#log = log;
  }

  /** The configuration in use, including the changes from reloads. */
  get loaded(): LoadedConfig {
    return this.#loaded;
  }

  /** Must be called once all parts have started. Until then, reloads are refused. */
  setFollowers(followers: Followers): void {
    this.#followers = followers;
  }

  /** @throws AgentError if the configuration or the certificate is unusable. Nothing is changed in that case, and a problem says so. */
  reload(): Reloaded {
    if (!this.#followers) throw new AgentError('CLOSED', 'the agent is still starting');
    const { channels, cameras, reflex, scheduled, uplink, identity, problems } = this.#followers;
    const next = this.#read(problems);
    // If the files are unusable, this raises a problem of its own.
    const certificate = identity.changedOnDisk();
    const changes = changesOf(this.#loaded.config, next.config, certificate ? ['certificate'] : []);
    channels.apply(next, changes);
    cameras.apply(next);
    reflex.apply(next);
    scheduled.apply(next);
    if (changes.applied.includes('mqtt.interval')) uplink.setInterval(next.config.mqtt.interval);
    if (certificate) identity.tryOut(certificate);
    this.#loaded = { ...next, config: runningWith(this.#loaded.config, next.config) };
    if (changes.added.length > 0 || changes.removed.length > 0) uplink.announceChannels();
    this.#log.info({ event: 'reloaded', ...changes }, describeReload(changes));
    return changes;
  }

  /** Raises a problem if the configuration is invalid, because a reload by SIGHUP has no other way to report the error. */
  #read(problems: Followers['problems']): LoadedConfig {
    try {
      const next = this.#reread();
      problems.clear('reload_refused');
      return next;
    } catch (error) {
      const errors = messageOf(error).split('\n');
      const more = errors.length - ERRORS_SHOWN;
      const text = [...errors.slice(0, ERRORS_SHOWN), ...(more > 0 ? [`and ${more} more`] : [])].join('; ');
      // Raising a standing problem again does nothing, so clear it first if the error has changed.
      if (problems.standing().find(({ code }) => code === 'reload_refused')?.text !== text) problems.clear('reload_refused');
      problems.raise('reload_refused', text);
      throw error;
    }
  }
}

/** Keys that a running agent applies at once, in addition to channels. Each camera is treated as a single key. */
const AT_ONCE: readonly string[] = ['reflex', 'mqtt.interval', 'logs.ship', 'logs.ship_on_alert', 'backups.schedule', 'backups.keep'];
const isAtOnce = (key: string): boolean => AT_ONCE.includes(key) || key.startsWith('cameras.') || key.startsWith('reflex.');

type Entries = Readonly<Record<string, unknown>>;

/** Has no side effects. @param others more changes that apply at once, such as a new certificate at the same path. */
export function changesOf(before: Config, after: Config, others: readonly string[] = []): Reloaded {
  const { channels, ...rest } = before;
  const { channels: channelsAfter, ...restAfter } = after;
  const keys = [...differing(rest, restAfter, []), ...announcementChanges(before, after)];
  const isKept = (name: string) => name in channels && name in channelsAfter;
  return {
    added: Object.keys(channelsAfter).filter((name) => !isKept(name)),
    removed: Object.keys(channels).filter((name) => !isKept(name)),
    changed: Object.keys(channelsAfter).filter((name) => isKept(name) && !isEqual(channels[name], channelsAfter[name])),
    applied: [...keys.filter(isAtOnce), ...others],
    needs_restart: keys.filter((key) => !isAtOnce(key)),
  };
}

/**
 * @returns the configuration in use after a reload. Keys that need a restart keep their old values, so that later reloads list them again.
 */
export function runningWith(before: Config, { channels, cameras, reflex, mqtt, logs, backups }: Config): Config {
  const { interval } = mqtt;
  const { ship, ship_on_alert } = logs;
  return {
    ...before,
    channels,
    cameras,
    reflex,
    backups,
    mqtt: { ...before.mqtt, interval },
    logs: { ...before.logs, ship, ship_on_alert },
  };
}

/**
 * Announcements are computed at startup and include `snapshot` only if there is a camera. So adding the first camera or removing the last
 * one needs a restart.
 */
function announcementChanges(before: Config, after: Config): string[] {
  const hasCamera = ({ cameras }: Config) => Object.keys(cameras).length > 0;
  if (hasCamera(before) === hasCamera(after)) return [];
  return Object.entries(before.commands).flatMap(([name, command]) => (command.does === 'snapshot' ? [`commands.${name}`] : []));
}

/** Lists the keys that differ within each section. A command is treated as a single key, because its parts depend on each other. */
function differing(before: Entries, after: Entries, path: readonly string[]): string[] {
  return [...new Set([...Object.keys(before), ...Object.keys(after)])].flatMap((key) => {
    const [a, b] = [before[key], after[key]];
    if (isEqual(a, b)) return [];
    const isSection = path.length === 0 && isEntries(a) && isEntries(b);
    return isSection ? differing(a, b, [key]) : [[...path, key].join('.')];
  });
}

function isEqual(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

function isEntries(value: unknown): value is Entries {
  return value !== null && typeof value === 'object' && !Array.isArray(value);
}

/** @returns the changes in one line. */
export function describeReload({ added, removed, changed, applied, needs_restart: later }: Reloaded): string {
  const lists = {
    'channels added': added,
    'channels removed': removed,
    'channels changed': changed,
    applied,
    'at the next startup': later,
  };
  const texts = Object.entries(lists).flatMap(([label, names]) => (names.length > 0 ? [`${label}: ${names.join(', ')}`] : []));
  return texts.join('; ') || 'nothing has changed';
}
