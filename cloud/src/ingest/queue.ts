// The messages that wait for their commit, by robot. A robot is in at most one transaction at a time, so it waits only for itself. Alerts go
// before live messages, and both before backlog, within a robot and between robots. Pure: time is a parameter.
//
// After a batch of several robots failed because of its content or because a row was locked, each of its robots is `suspected`: it is tried
// alone, and the innocent ones are through at once. A robot that fails alone sends half as many messages in its next transaction. With a
// single message it is `stuck`: it goes to the side lane, which waits longer, and no other robot waits with it.
import type { Incoming, Label, Urgency } from '../messages/index.ts';

/** Messages of one robot in a transaction. */
const MOST_OF_ROBOT = 32;
/** Messages in a transaction of several robots. It holds locks, and a failure repeats all of it. A message of backlog has up to 5,000 rows. */
const MOST_OF_BATCH = 256;
const MOST_OF_BACKLOG = 64;
/** Transactions of suspected robots, and of backlog, at a time. The other lanes are free for alerts. */
const SUSPECTED_AT_ONCE = 2;
const BACKLOG_AT_ONCE = 2;
const STUCK_MS = { first: 500, most: 10_000 };
/** A robot that failed alone is suspected for so long, so that its next message does not fail with others. */
const REMEMBERED_MS = 60_000;
const REMEMBERED_ROBOTS = 1_000;

export type Lane = 'fast' | 'side';

export interface Queued {
  readonly incoming: Incoming;
  readonly label: Label;
  readonly atMs: number;
  /** Why the database refused the message. Then it is stored as poison. */
  readonly refusals: string[];
  /** Whether only its alerts are taken, because its robot is above its rate. Null before it was decoded. */
  isReduced: boolean | null;
}

/** The messages of one transaction, most urgent first. */
export interface Batch {
  readonly kind: 'shared' | 'suspected' | 'stuck';
  readonly isBacklog: boolean;
  readonly robots: readonly Robot[];
  readonly queued: readonly Queued[];
}

export interface Robot {
  readonly name: string;
  readonly waiting: Readonly<Record<Urgency, Queued[]>>;
  isBusy: boolean;
  isSuspected: boolean;
  /** Messages in its next transaction. */
  most: number;
  /** Failures with a single message. Above 0 it is stuck. */
  failures: number;
  retryMs: number;
}

export class Queue {
  readonly #robots = new Map<string, Robot>();
  readonly #running = { suspected: 0, backlog: 0 };
  /** Robots that failed alone, and until when they are suspected. */
  readonly #remembered = new Map<string, number>();
  #wasBacklog = false;

  get stuck(): string[] {
    return [...this.#robots.values()].filter(({ failures }) => failures > 0).map(({ name }) => name);
  }

  add(queued: Queued): void {
    const { robot: name, urgency } = queued.label;
    let robot = this.#robots.get(name);
    if (!robot) {
      robot = {
        ...{ name, waiting: { alert: [], live: [], backlog: [] }, isBusy: false, isSuspected: this.#isRemembered(name, queued.atMs) },
        ...{ most: MOST_OF_ROBOT, failures: 0, retryMs: 0 },
      };
      this.#robots.set(name, robot);
    }
    robot.waiting[urgency].push(queued);
  }

  /** Takes the messages of the next transaction. Its robots are busy until {@link done}. */
  next(lane: Lane, nowMs: number): Batch | null {
    const idle = [...this.#robots.values()].filter(({ isBusy }) => !isBusy);
    if (lane === 'side') return this.#alone('stuck', first(idle.filter(({ failures, retryMs }) => failures > 0 && retryMs <= nowMs)));
    const free = idle.filter(({ failures }) => failures === 0);
    const suspected = this.#running.suspected < SUSPECTED_AT_ONCE ? first(free.filter(({ isSuspected }) => isSuspected)) : undefined;
    if (suspected) return this.#alone('suspected', suspected);
    return this.#shared(free.filter(({ isSuspected }) => !isSuspected));
  }

  /** When the side lane has work next; null if no robot is stuck. */
  dueMs(): number | null {
    const due = [...this.#robots.values()].filter(({ failures, isBusy }) => failures > 0 && !isBusy).map(({ retryMs }) => retryMs);
    return due.length === 0 ? null : Math.min(...due);
  }

  /** Puts messages that were not stored back to the front. */
  putBack(queued: readonly Queued[]): void {
    for (const one of queued.toReversed()) this.#robots.get(one.label.robot)?.waiting[one.label.urgency].unshift(one);
  }

  /** Keeps only the first messages of a batch. The others wait again, in their places. */
  shortened(batch: Batch, count: number): Batch {
    const queued = batch.queued.slice(0, count);
    const names = new Set(queued.map(({ label }) => label.robot));
    for (const robot of batch.robots) robot.isBusy = names.has(robot.name);
    this.putBack(batch.queued.slice(count));
    return { ...batch, queued, robots: batch.robots.filter(({ isBusy }) => isBusy) };
  }

  /** After a success. @returns the robots that were stuck. */
  stored({ robots }: Batch, nowMs: number): Robot[] {
    const freed = robots.filter(({ failures }) => failures > 0);
    for (const robot of robots) {
      robot.failures = 0;
      robot.most = Math.min(MOST_OF_ROBOT, robot.most * 2);
      robot.isSuspected = robot.most < MOST_OF_ROBOT || this.#isRemembered(robot.name, nowMs);
    }
    return freed;
  }

  /**
   * After a failure that a message or a robot of the batch caused.
   * @param isLock whether a lock was held. Then fewer messages would not help.
   * @returns the robot that is stuck from now on.
   */
  failed({ robots, queued }: Batch, nowMs: number, isLock: boolean): Robot | null {
    const [robot] = robots;
    if (robots.length > 1 || !robot) {
      for (const each of robots) each.isSuspected = true;
      return null;
    }
    this.#remember(robot.name, nowMs);
    if (queued.length > 1 && !isLock) {
      robot.most = Math.ceil(queued.length / 2);
      robot.isSuspected = true;
      return null;
    }
    robot.isSuspected = true;
    robot.failures++;
    robot.retryMs = nowMs + Math.min(STUCK_MS.most, STUCK_MS.first * 2 ** (robot.failures - 1));
    return robot.failures === 1 ? robot : null;
  }

  /** The robot of a refused message is tried alone for some time. */
  suspect({ robots }: Batch, nowMs: number): void {
    for (const robot of robots) {
      robot.isSuspected = true;
      this.#remember(robot.name, nowMs);
    }
  }

  /** Ends the transaction. The robots wait behind the others from now on. */
  done({ kind, isBacklog, robots }: Batch): void {
    if (kind === 'suspected') this.#running.suspected--;
    if (isBacklog) this.#running.backlog--;
    for (const robot of robots) {
      robot.isBusy = false;
      this.#robots.delete(robot.name);
      const { alert, live, backlog } = robot.waiting;
      if (alert.length + live.length + backlog.length > 0) this.#robots.set(robot.name, robot);
    }
  }

  #alone(kind: Batch['kind'], robot: Robot | undefined): Batch | null {
    if (!robot) return null;
    const isBacklog = !isUrgent(robot);
    return this.#begin(kind, isBacklog, [robot], taken(robot, isBacklog, MOST_OF_BATCH));
  }

  #shared(free: readonly Robot[]): Batch | null {
    const urgent = [...free.filter(({ waiting }) => waiting.alert.length > 0), ...free.filter(isOnlyLive)];
    const backlog = free.filter(({ waiting }) => waiting.backlog.length > 0);
    const mayBacklog = backlog.length > 0 && this.#running.backlog < (urgent.length > 0 ? 1 : BACKLOG_AT_ONCE);
    const hasAlert = urgent[0] !== undefined && !isOnlyLive(urgent[0]);
    // A single lane takes turns between live messages and backlog.
    const isBacklog = mayBacklog && !hasAlert && (urgent.length === 0 || !this.#wasBacklog);
    this.#wasBacklog = isBacklog;
    const most = isBacklog ? MOST_OF_BACKLOG : MOST_OF_BATCH;
    const robots: Robot[] = [];
    const queued: Queued[] = [];
    for (const robot of isBacklog ? backlog : urgent) {
      if (queued.length >= most) break;
      robots.push(robot);
      queued.push(...taken(robot, isBacklog, most - queued.length));
    }
    return robots.length === 0 ? null : this.#begin('shared', isBacklog, robots, queued);
  }

  #remember(name: string, nowMs: number): void {
    this.#remembered.delete(name);
    this.#remembered.set(name, nowMs + REMEMBERED_MS);
    const [oldest] = this.#remembered.keys();
    if (this.#remembered.size > REMEMBERED_ROBOTS && oldest !== undefined) this.#remembered.delete(oldest);
  }

  #isRemembered(name: string, nowMs: number): boolean {
    return (this.#remembered.get(name) ?? 0) > nowMs;
  }

  #begin(kind: Batch['kind'], isBacklog: boolean, robots: readonly Robot[], queued: readonly Queued[]): Batch {
    for (const robot of robots) robot.isBusy = true;
    if (kind === 'suspected') this.#running.suspected++;
    if (isBacklog) this.#running.backlog++;
    return { kind, isBacklog, robots, queued };
  }
}

function isUrgent({ waiting }: Robot): boolean {
  return waiting.alert.length + waiting.live.length > 0;
}

function isOnlyLive({ waiting }: Robot): boolean {
  return waiting.alert.length === 0 && waiting.live.length > 0;
}

/** Robots with alerts first. */
function first(robots: readonly Robot[]): Robot | undefined {
  return robots.find(({ waiting }) => waiting.alert.length > 0) ?? robots.find(isUrgent) ?? robots[0];
}

function taken(robot: Robot, isBacklog: boolean, most: number): Queued[] {
  const { alert, live, backlog } = robot.waiting;
  const count = Math.min(robot.most, most);
  if (isBacklog) return backlog.splice(0, count);
  const alerts = alert.splice(0, count);
  return [...alerts, ...live.splice(0, count - alerts.length)];
}
