// Watches the robot's certificate while the agent runs: warns before it expires, gets a new one in time, and takes one that somebody puts
// in the place of the old one. Tests each in the robot's own broker connection. The old certificate stays in use until the new one has
// connected, subscribed and published.
import { every, messageOf } from '../../base/index.ts';
import type { Clock } from '../../clock/index.ts';
import { AgentError } from '../../errors.ts';
import {
  announcementOf,
  type Credentials,
  DAY_MS,
  EXPIRY_STAGES,
  type ExpiryStage,
  expiryStage,
  identityPaths,
  isAbsent,
  isRotationDue,
  type OwnCredentials,
  type Provisioned,
  readCredentials,
  Slots,
} from '../../identity/index.ts';
import { lockStateDir } from '../../state/index.ts';
import type { ProblemCode, Problems } from '../../status/index.ts';
import type { Parts } from '../lifecycle/parts.ts';
import { provisionOver, refuseOwnPaths } from './provision.ts';
import { ReplacedFiles } from './replacedFiles.ts';

/** One check reads three files and compares their contents, which takes 0.02 ms (measured on an x86 server). */
const CHECK_EVERY_MS = 2_000;

/** Files are often written one after the other, so they must stay unchanged for this long before a test interrupts a link that works. */
const SETTLE_MS = 5_000;

/** How long to wait before retrying a failed rotation. There is time, because rotation starts weeks before the expiry. */
const RETRY_AFTER_MS = 6 * 3_600_000;

/** How long IoT Core may take to answer a request. */
const ANSWER_WITHIN_MS = 30_000;

export type IdentityParts = Pick<Parts, 'config' | 'credentials' | 'uplink' | 'clock' | 'problems' | 'log' | 'outbox'>;

export interface RunningIdentity {
  /** Gets a new certificate now, however long the old one remains valid. @throws AgentError */
  rotate(): Promise<Provisioned>;
  /** @returns the credentials on disk, or undefined if they are already in use. @throws AgentError if they are unusable. */
  changedOnDisk(): Credentials | undefined;
  /** Tries these credentials in a new connection. If the broker refuses them, the previous ones stay in use. */
  tryOut(next: Credentials): void;
  stop(): void;
}

/** @param pace how often to look at the files, and how long they must stay unchanged. Tests shorten both. */
export function watchIdentity(parts: IdentityParts, pace = { checkMs: CHECK_EVERY_MS, settleMs: SETTLE_MS }): RunningIdentity {
  const { config, credentials, uplink, clock, problems, outbox } = parts;
  const log = parts.log.child({ module: 'identity' });
  const slots = new Slots(config.state_dir);
  const hasSlots = config.mqtt.cert_file === null;
  /** Announcements that have been appended. If `flush` fails, the outbox still holds them in memory, so they must not be appended again. */
  const announced = new Set<string>();
  let isRotating = false;
  let isStopped = false;
  let retryAtMs = 0;

  const use = (next: Credentials) => {
    Object.assign(credentials, next);
    if (hasSlots) slots.retire();
    problems.clear('rotation_failed');
    reportExpiry(problems, credentials, clock);
  };

  const append = (announcement: string | undefined) => {
    if (announcement !== undefined) outbox.append({ class: 'event', body: { kind: 'certificate_next', announcement } });
  };

  const take = async (next: Credentials) => {
    // A slot's announcement was signed when the slot was put into use. If there are no slots, it must be signed now.
    if (!hasSlots && !isAbsent(credentials)) append(await announcementOf(config.thing, credentials, next.cert));
    use(next);
  };

  const mayTest = () => !isRotating && !isStopped;
  const files = new ReplacedFiles({ config, credentials, uplink, clock, problems, log, slots, take, settleMs: pace.settleMs, mayTest });

  const rotate = async (): Promise<Provisioned> => {
    refuseOwnPaths(config);
    if (isRotating)
      throw new AgentError('CERTS_BUSY', 'another change of the certificate is in progress', { remedy: 'wait until it ends' });
    const lock = lockStateDir(config.state_dir, 'certs');
    isRotating = true;
    try {
      const ask = (topic: string, body: object) => uplink.ask(topic, body, ANSWER_WITHIN_MS);
      const report = (step: string) => log.info({ event: 'rotation' }, step);
      const done = await provisionOver({ config, slots, clock, report }, ask, (next) => uplink.change(next));
      use(readCredentials(identityPaths(config.mqtt, config.state_dir)));
      log.info({ event: 'rotated', slot: done.slot, certificate: done.certificateId }, 'the robot has a new certificate');
      return done;
    } finally {
      isRotating = false;
      lock.release();
    }
  };

  const announce = () => {
    const { announcements } = slots;
    if (isRotating || announcements.isEmpty || uplink.status().state !== 'connected') return;
    try {
      // The broker may still refuse credentials that have not been used yet, so their announcement must wait.
      if (files.changed()) return;
      for (const announcement of announcements.leadingTo(credentials.cert)) {
        if (!announced.has(announcement)) append(announcement);
        announced.add(announcement);
      }
      outbox.flush();
      announcements.forget();
    } catch {
      // The next check tries again. Other modules report an unwritable disk or unreadable files.
    }
  };

  const check = () => {
    reportExpiry(problems, credentials, clock);
    announce();
    if (!isRotating) void files.check();
    const isDue = isRotationDue(credentials.notAfterMs, clock.wall(), clock.trusted(), config.provisioning.rotate_before);
    const isPossible = !isRotating && hasSlots && uplink.status().state === 'connected';
    if (!isDue || !isPossible || clock.mono() < retryAtMs) return;
    retryAtMs = clock.mono() + RETRY_AFTER_MS;
    rotate().catch((error: unknown) => {
      problems.raise('rotation_failed', error instanceof AgentError ? error.line : messageOf(error));
    });
  };

  const ticker = every(pace.checkMs, check);
  check();
  return {
    rotate,
    changedOnDisk: () => files.changed(),
    tryOut: (next) => files.tryOut(next),
    stop: () => {
      isStopped = true;
      ticker.stop();
    },
  };
}

const BY_STAGE: Readonly<Record<ExpiryStage, ProblemCode>> = {
  30: 'certificate_expires',
  14: 'certificate_expires',
  7: 'certificate_expires_soon',
  1: 'certificate_expires_soon',
};

/** Warns once per stage. While the clock is untrusted, warnings are neither raised nor cleared. */
function reportExpiry(problems: Problems, { notAfterMs }: OwnCredentials, clock: Clock): void {
  if (!clock.trusted()) return;
  const stage = expiryStage(notAfterMs, clock.wall(), true);
  for (const other of EXPIRY_STAGES) if (other !== stage) problems.clear(BY_STAGE[other], `${other}d`);
  if (stage === undefined) return;
  const days = Math.floor((notAfterMs - clock.wall()) / DAY_MS);
  const expiry = days < 0 ? 'expired' : `expires in ${days} days,`;
  problems.raise(BY_STAGE[stage], `this robot’s certificate ${expiry} on ${new Date(notAfterMs).toISOString()}`, `${stage}d`);
}
