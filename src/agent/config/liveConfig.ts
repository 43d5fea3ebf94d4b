// The configuration in use. A reload reads it again and applies the changes that a running agent can take over.

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

/** Errors in the problem's text: a completely wrong file would make it too long. */
const ERRORS_SHOWN = 3;

export class LiveConfig {
  readonly #reread: () => LoadedConfig;
  readonly #log: Logger;
  #loaded: LoadedConfig;
  #followers: Followers | undefined;

  /** @param reread reads the same configuration again. @throws AgentError if it is invalid. */
  constructor(loaded: LoadedConfig, reread: () => LoadedConfig, log: Logger) {
    this.#loaded = loaded;
    this.#reread = reread;
    this.#log = log;
  }

  /** The configuration in use, including reloads. */
  get loaded(): LoadedConfig {
    return this.#loaded;
  }

  /** Sets the parts that a reload changes. Before that a reload is refused. */
  followedBy(followers: Followers): void {
    this.#followers = followers;
  }

  /** @throws AgentError if the configuration is invalid; then nothing is changed, and a problem stands until a reload succeeds. */
  reload(): Reloaded {
    if (!this.#followers) throw new AgentError('CLOSED', 'the agent is still starting');
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

  /** Raises a problem for an invalid configuration: a signal gets no answer, and the error has to be visible later too. */
  #read({ identity, problems }: Followers) {
    try {
      const read = { next: this.#reread(), certificate: identity.fresh() };
      problems.clear('reload_refused');
      return read;
    } catch (error) {
      const errors = messageOf(error).split('\n');
      const more = errors.length - ERRORS_SHOWN;
      const text = [...errors.slice(0, ERRORS_SHOWN), ...(more > 0 ? [`and ${more} more`] : [])].join('; ');
      const stands = problems.standing().find(({ code }) => code === 'reload_refused');
      // A different error is a new problem.
      if (stands?.text !== text) problems.clear('reload_refused');
      problems.raise('reload_refused', text);
      throw error;
    }
  }
}
