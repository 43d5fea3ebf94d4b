// The robot's certificate while the agent runs: its end is announced, a new one is got in time and tried by the very connection the
// robot needs, and the old one stays until the new has connected, subscribed and published.

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
import type { Proof, Uplink } from '../../uplink/index.ts';
import { isRefusal, provisionOver, refuseOwnPaths } from './provision.ts';

const LOOK_EVERY_MS = 5_000;

/** A rotation that failed is tried again after so long: there are weeks for it. */
const AGAIN_AFTER_MS = 6 * 3_600_000;

/** An answer of IoT Core. */
const ANSWER_WITHIN_MS = 30_000;

/** The credentials in use, whichever they are when somebody looks. */
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
  /** Takes the announcements of new certificates. */
  readonly outbox: Outbox;
}

export interface RunningIdentity {
  /** A new certificate, whether or not it is time. @throws AgentError */
  rotate(): Promise<Provisioned>;
  /** What is on disk now, where it differs from what is used. @throws AgentError where it can't be used. */
  fresh(): Credentials | undefined;
  /** Tries other credentials by the next connection; where they are refused, the ones before stay. */
  tryOut(next: Credentials): void;
  stop(): void;
}

export function watchIdentity(parts: IdentityParts): RunningIdentity {
  const { config, live, uplink, clock, problems, log, outbox } = parts;
  const slots = new Slots(config.state_dir);
  const say = (step: string) => log.info({ event: 'rotation' }, step);
  /** Given to the outbox, which keeps what it could not write yet. */
  const announced = new Set<string>();
  let isAtWork = false;
  let notBeforeMs = 0;

  const rotate = async (): Promise<Provisioned> => {
    refuseOwnPaths(config);
    if (isAtWork) throw new AgentError('CERTS_BUSY', 'the certificate is being changed already', { todo: 'wait for that to end' });
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
      // What was taken and not tried yet may still be refused.
      if (fresh()) return;
      for (const announcement of announcements.leadingTo(live.cert)) {
        if (!announced.has(announcement)) tell(announcement);
        announced.add(announcement);
      }
      outbox.flush();
      announcements.forget();
    } catch {
      // A disk that takes nothing, or files that can't be read, are told by those who need them more: it is tried again.
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

  const settle = (next: Credentials, proof: Proof) => {
    if (proof.works) {
      // Of the slots it was signed when the other one was taken.
      if (config.mqtt.cert_file !== null) tell(announcementOf(config.thing, live, next.cert));
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
      uplink.change(next).then(
        (proof) => settle(next, proof),
        (error: unknown) => log.error({ event: 'certificate_untried', err: error }, 'the certificate on disk could not be tried'),
      );
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

/** Once at each stage. While the clock is not trusted nothing new is said, and nothing taken back. */
function sayExpiry(problems: Problems, { notAfterMs }: Credentials, clock: Clock): void {
  if (!clock.trusted()) return;
  const stage = expiryStage(notAfterMs, clock.wall(), true);
  for (const other of EXPIRY_STAGES) if (other !== stage) problems.clear(BY_STAGE[other], `${other}d`);
  if (stage === undefined) return;
  const days = Math.floor((notAfterMs - clock.wall()) / DAY_MS);
  const when = days < 0 ? 'ended' : `ends in ${days} days,`;
  problems.raise(BY_STAGE[stage], `this robot’s certificate ${when} on ${new Date(notAfterMs).toISOString()}`, `${stage}d`);
}
