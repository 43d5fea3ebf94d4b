// The configuration that the agent runs with, read again while it runs: what changed reaches those who can take it over at once.

import { messageOf } from '../../base/index.ts';
import type { LoadedConfig } from '../../config/index.ts';
import { AgentError } from '../../errors.ts';
import type { Logger } from '../../logs/index.ts';
import type { Problems, Reloaded } from '../../status/index.ts';
import type { Uplink } from '../../uplink/index.ts';
import type { RunningIdentity } from '../identity/watch.ts';
import type { Cameras } from '../media/cameras.ts';
import type { Channels } from '../sensing/channels.ts';
import type { Scheduled } from '../uploads/scheduled.ts';
import { changesOf, describeReload, runningWith } from './reload.ts';

export interface Followers {
  readonly channels: Channels;
  readonly cameras: Cameras;
  readonly scheduled: Scheduled;
  readonly uplink: Uplink;
  readonly identity: RunningIdentity;
  readonly problems: Problems;
}

/** Of a file that is no configuration at all nobody reads every line. */
const MISTAKES_TOLD = 3;

export class LiveConfig {
  readonly #reread: () => LoadedConfig;
  readonly #log: Logger;
  #loaded: LoadedConfig;
  #followers: Followers | undefined;

  /** @param reread reads the same configuration again. @throws AgentError where it is wrong. */
  constructor(loaded: LoadedConfig, reread: () => LoadedConfig, log: Logger) {
    this.#loaded = loaded;
    this.#reread = reread;
    this.#log = log;
  }

  /** What the agent runs with, after reloads too. */
  get loaded(): LoadedConfig {
    return this.#loaded;
  }

  /** They are up: from now on they can follow. */
  followedBy(followers: Followers): void {
    this.#followers = followers;
  }

  /** @throws AgentError where the configuration is wrong; then nothing is changed, and that stands as a problem until one is right. */
  reload(): Reloaded {
    if (!this.#followers) throw new AgentError('CLOSED', 'the agent is not up yet');
    const { channels, cameras, scheduled, uplink, identity } = this.#followers;
    const { next, certificate } = this.#read(this.#followers);
    const changes = changesOf(this.#loaded.config, next.config, certificate ? ['certificate'] : []);
    channels.apply(next, changes);
    cameras.apply(next);
    scheduled.apply(next);
    if (changes.applied.includes('mqtt.interval')) uplink.setInterval(next.config.mqtt.interval);
    if (certificate) identity.tryOut(certificate);
    this.#loaded = { ...next, config: runningWith(this.#loaded.config, next.config) };
    this.#log.info({ event: 'reloaded', ...changes }, describeReload(changes));
    return changes;
  }

  /** Whoever asked by a signal gets no answer, and whoever looks later should see it too. */
  #read({ identity, problems }: Followers) {
    try {
      const read = { next: this.#reread(), certificate: identity.fresh() };
      problems.clear('reload_refused');
      return read;
    } catch (error) {
      const mistakes = messageOf(error).split('\n');
      const more = mistakes.length - MISTAKES_TOLD;
      const text = [...mistakes.slice(0, MISTAKES_TOLD), ...(more > 0 ? [`and ${more} more`] : [])].join('; ');
      const stands = problems.standing().find(({ code }) => code === 'reload_refused');
      // Another mistake than the one that stands is another problem.
      if (stands?.text !== text) problems.clear('reload_refused');
      problems.raise('reload_refused', text);
      throw error;
    }
  }
}
