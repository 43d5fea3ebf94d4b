// Watches the robot's certificate while the agent runs: warns of its expiry, gets a new one in time, and tries the new one in the
// robot's own connection. The old one stays until the new one connected, subscribed and published.

import { every, messageOf } from '../../base/index.ts';
import type { Clock } from '../../clock/index.ts';
import type { Config } from '../../config/index.ts';
import { AgentError } from '../../errors.ts';
import {
  announcementOf,
  type Credentials,
  DAY_MS,
  EXPIRY_STAGES,
  type ExpiryStage,
  expiryStage,
  identityPaths,
  isRotationDue,
  type Provisioned,
  readCredentials,
  Slots,
} from '../../identity/index.ts';
import type { Logger } from '../../logs/index.ts';
import type { Outbox } from '../../outbox/index.ts';
import { lockStateDir } from '../../state/index.ts';
import type { ProblemCode, Problems } from '../../status/index.ts';
import type { CredentialTestResult, Uplink } from '../../uplink/index.ts';
import { isRefusal, provisionOver, refuseOwnPaths } from './provision.ts';

const LOOK_EVERY_MS = 5_000;

/** Delay before a failed rotation is tried again; a rotation has weeks of time. */
const AGAIN_AFTER_MS = 6 * 3_600_000;

/** Deadline for an answer of IoT Core. */
const ANSWER_WITHIN_MS = 30_000;

/** The current credentials in use. */
export class LiveCredentials implements Credentials {
  #now: Credentials;

  constructor(first: Credentials) {
    this.#now = first;
  }

  get ca(): string {
    return this.#now.ca;
  }

  get cert(): string {
    return this.#now.cert;
  }

  get key(): string {
    return this.#now.key;
  }

  get certificate(): Credentials['certificate'] {
    return this.#now.certificate;
  }

  get notBeforeMs(): number {
    return this.#now.notBeforeMs;
  }

  get notAfterMs(): number {
    return this.#now.notAfterMs;
  }

  replace(next: Credentials): void {
    this.#now = next;
  }
}

export interface IdentityParts {
  readonly config: Config;
  readonly live: LiveCredentials;
  readonly uplink: Uplink;
  readonly clock: Clock;
  readonly problems: Problems;
  readonly log: Logger;
  /** Receives the announcements of new certificates. */
  readonly outbox: Outbox;
}

export interface RunningIdentity {
  /** Gets a new certificate now, even before its time. @throws AgentError */
  rotate(): Promise<Provisioned>;
  /** Uses the files on disk if they differ from the current ones. @throws AgentError if they can't be used. */
  fresh(): Credentials | undefined;
  /** Tries other credentials in the next connection; if the broker refuses them, the previous ones stay. */
  tryOut(next: Credentials): void;
  stop(): void;
}

export function watchIdentity(parts: IdentityParts): RunningIdentity {
  const { config, live, uplink, clock, problems, log, outbox } = parts;
  const slots = new Slots(config.state_dir);
  const say = (step: string) => log.info({ event: 'rotation' }, step);
  /** The outbox keeps an announcement in memory until it can write it. */
  const announced = new Set<string>();
  let isAtWork = false;
  let notBeforeMs = 0;

  const rotate = async (): Promise<Provisioned> => {
    refuseOwnPaths(config);
    if (isAtWork) throw new AgentError('CERTS_BUSY', 'another change of the certificate is in progress', { remedy: 'wait until it ends' });
    const lock = lockStateDir(config.state_dir, 'certs');
    isAtWork = true;
    try {
      const ask = (topic: string, body: object) => uplink.ask(topic, body, ANSWER_WITHIN_MS);
      const done = await provisionOver({ config, slots, clock, say }, ask, (next) => uplink.change(next));
      live.replace(readCredentials(identityPaths(config.mqtt, config.state_dir)));
      slots.retire();
      problems.clear('rotation_failed');
      log.info({ event: 'rotated', slot: done.slot, certificate: done.certificateId }, 'the robot has a new certificate');
      return done;
    } finally {
      isAtWork = false;
      lock.release();
    }
  };

  const fresh = (): Credentials | undefined => {
    const next = readCredentials(identityPaths(config.mqtt, config.state_dir));
    return next.cert === live.cert && next.key === live.key && next.ca === live.ca ? undefined : next;
  };

  const tell = (announcement: string | undefined) => {
    if (announcement !== undefined) outbox.append({ class: 'event', body: { kind: 'certificate_next', announcement } });
  };

  const announce = () => {
    const { announcements } = slots;
    if (isAtWork || announcements.isEmpty || uplink.status().state !== 'connected') return;
    try {
      // Untried credentials may still be refused.
      if (fresh()) return;
      for (const announcement of announcements.leadingTo(live.cert)) {
        if (!announced.has(announcement)) tell(announcement);
        announced.add(announcement);
      }
      outbox.flush();
      announcements.forget();
    } catch {
      // Other modules report an unwritable disk or unreadable files; this one tries again.
    }
  };

  const look = () => {
    sayExpiry(problems, live, clock);
    announce();
    const isDue = isRotationDue(live.notAfterMs, clock.wall(), clock.trusted(), config.provisioning.rotate_before);
    if (!isDue || isAtWork || config.mqtt.cert_file !== null || clock.mono() < notBeforeMs || uplink.status().state !== 'connected') return;
    notBeforeMs = clock.mono() + AGAIN_AFTER_MS;
    rotate()
      .then(() => sayExpiry(problems, live, clock))
      .catch((error: unknown) => {
        problems.raise('rotation_failed', error instanceof AgentError ? error.line : messageOf(error));
      });
  };

  const applyProof = async (next: Credentials, proof: CredentialTestResult): Promise<void> => {
    if (proof.works) {
      // The announcement was signed when the slot was put into use.
      if (config.mqtt.cert_file !== null) tell(await announcementOf(config.thing, live, next.cert));
      live.replace(next);
      slots.retire();
      problems.clear('rotation_failed');
      log.info({ event: 'certificate_changed' }, 'the certificate on disk is used from now on');
      return sayExpiry(problems, live, clock);
    }
    const isBack = isRefusal(proof) && config.mqtt.cert_file === null && slots.canGoBack;
    if (isBack) slots.goBack();
    const what = isBack ? 'the one before is used again' : 'the one before is used until the next start';
    problems.raise('rotation_failed', `the certificate on disk does not work (${proof.step}: ${proof.text}); ${what}`);
  };

  const looking = every(LOOK_EVERY_MS, look);
  look();
  return {
    rotate,
    fresh,
    tryOut: (next) => {
      uplink
        .change(next)
        .then((proof) => applyProof(next, proof))
        .catch((error: unknown) => log.error({ event: 'certificate_untried', err: error }, 'the certificate on disk could not be tried'));
    },
    stop: () => looking.stop(),
  };
}

const BY_STAGE: Readonly<Record<ExpiryStage, ProblemCode>> = {
  30: 'certificate_expires',
  14: 'certificate_expires',
  7: 'certificate_expires_soon',
  1: 'certificate_expires_soon',
};

/** Warns once per stage. Without a trusted clock, warnings are neither raised nor cleared. */
function sayExpiry(problems: Problems, { notAfterMs }: Credentials, clock: Clock): void {
  if (!clock.trusted()) return;
  const stage = expiryStage(notAfterMs, clock.wall(), true);
  for (const other of EXPIRY_STAGES) if (other !== stage) problems.clear(BY_STAGE[other], `${other}d`);
  if (stage === undefined) return;
  const days = Math.floor((notAfterMs - clock.wall()) / DAY_MS);
  const when = days < 0 ? 'ended' : `ends in ${days} days,`;
  problems.raise(BY_STAGE[stage], `this robot’s certificate ${when} on ${new Date(notAfterMs).toISOString()}`, `${stage}d`);
}
