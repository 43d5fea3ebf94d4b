// The machine's clock, with the evidence of this run that its wall time is right or wrong.
import { performance } from 'node:perf_hooks';
import { ago } from '../base/index.ts';
import type { Clock } from './clock.ts';
import { askTimeService, type TimeService } from './timeService.ts';
import { aheadOfCloudMs, cloudTimeOf, judge, knownAfter, type TimeFacts, type Trust } from './trust.ts';

/** While the clock is not trusted, a person may be waiting. systemd-timedated stays loaded for 30 s, so this does not start it each time. */
const ASK_UNTRUSTED_EVERY_MS = 10_000;

/** Each start of systemd-timedated writes three lines to the journal. */
const ASK_EVERY_MS = 600_000;

/** The consequence of a clock that is not trusted, for texts. */
export const DISTRUST_MEANS = 'no alert waits for the right time, but the agent refuses commands that move the robot';

interface SystemClockOptions {
  readonly wall?: () => number;
  readonly mono?: () => number;
  readonly ask?: (signal: AbortSignal) => Promise<TimeService>;
}

export class SystemClock implements Clock {
  readonly wall: () => number;
  readonly mono: () => number;
  readonly #ask: (signal: AbortSignal) => Promise<TimeService>;
  readonly #stopping = new AbortController();
  #evidence: Pick<TimeFacts, 'knownMs' | 'service' | 'synchronisedOffsetMs' | 'cloud'>;
  #isAsking = false;
  #askedMs = Number.NEGATIVE_INFINITY;

  /** @param knownMs the latest time that this robot had seen when its previous run ended; 0 on its first run. */
  constructor(knownMs: number, { wall = Date.now, mono, ask = askTimeService }: SystemClockOptions = {}) {
    const startedAt = performance.now();
    this.wall = () => wall();
    this.mono = mono ?? (() => Math.floor(performance.now() - startedAt));
    this.#ask = ask;
    this.#evidence = { knownMs, service: 'unknown', synchronisedOffsetMs: undefined, cloud: undefined };
  }

  /** See {@link Clock.trusted}. Reads no file, because every row and every command calls it. */
  trusted = (): boolean => this.trust.trusted;

  get trust(): Trust {
    return judge(this.#facts);
  }

  /** The time service's last answer. */
  get service(): TimeService {
    return this.#evidence.service;
  }

  /** The latest time that this robot has seen, for the next run. */
  get knownMs(): number {
    return this.#evidence.knownMs;
  }

  /** Why the clock is not trusted, in words; undefined if it is trusted. */
  get distrust(): string | undefined {
    const { trust } = this;
    return trust.trusted ? undefined : distrustText(trust.why, this.#facts);
  }

  /** Asks the time service now. */
  async ask(): Promise<void> {
    if (this.#isAsking) return;
    this.#isAsking = true;
    const service = await this.#ask(this.#stopping.signal);
    this.#isAsking = false;
    this.#askedMs = this.mono();
    const synchronisedOffsetMs = service === 'synchronised' ? this.wall() - this.mono() : undefined;
    this.#evidence = { ...this.#evidence, service, synchronisedOffsetMs };
  }

  /** Ends a question to the time service, which would keep the process alive. */
  stop(): void {
    this.#stopping.abort();
  }

  /**
   * Takes the cloud's time from an answer to a message of this run.
   * @param cloudMs the cloud's clock when it answered. @param sentMonoMs when the robot sent the message, in monotonic time.
   */
  hear(cloudMs: number, sentMonoMs: number): void {
    const cloud = cloudTimeOf(cloudMs, sentMonoMs, this.mono());
    if (cloud) this.#evidence = { ...this.#evidence, cloud };
  }

  /** Must be called periodically. Asks the time service again if that is due. @param isConnected whether there is a connection to the broker. */
  update(isConnected: boolean): void {
    const facts = this.#facts;
    const trust = judge(facts);
    const isSynchronised = trust.trusted && trust.by === 'time_service';
    // Follow the small steps of the time service, so that they do not add up.
    const synchronisedOffsetMs = isSynchronised ? facts.wallMs - facts.monoMs : facts.synchronisedOffsetMs;
    this.#evidence = { ...this.#evidence, knownMs: knownAfter(trust, facts, isConnected), synchronisedOffsetMs };
    if (isSynchronised) return;
    const everyMs = trust.trusted ? ASK_EVERY_MS : ASK_UNTRUSTED_EVERY_MS;
    if (facts.monoMs - this.#askedMs >= everyMs) void this.ask();
  }

  get #facts(): TimeFacts {
    return { ...this.#evidence, wallMs: this.wall(), monoMs: this.mono() };
  }
}

export function systemClock(knownMs: number, options?: SystemClockOptions): SystemClock {
  return new SystemClock(knownMs, options);
}

function distrustText(why: Extract<Trust, { trusted: false }>['why'], facts: TimeFacts): string {
  const { wallMs, knownMs, cloud } = facts;
  const shown = `the clock shows ${dayOf(wallMs)}`;
  if (why === 'before_build') return `${shown}, which is before this program was released`;
  if (why === 'not_synchronised') return `${shown}, but the time service has not synchronised it`;
  if (why === 'before_known') return `${shown}, but this robot has already seen ${minuteOf(knownMs)}`;
  const aheadMs = cloud ? aheadOfCloudMs(cloud, facts) : 0;
  return `${shown} and is ${ago(Math.abs(aheadMs))} ${aheadMs > 0 ? 'ahead of' : 'behind'} the cloud’s`;
}

function dayOf(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10);
}

function minuteOf(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 16).replace('T', ' ')} UTC`;
}
