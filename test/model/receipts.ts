// The receipts, end to end in virtual time: the robot's real outbox, pump and uplink, a broker that loses, doubles and reorders, two
// real instances of the cloud on one database, wrong clocks, restarts on all sides, eviction, damaged files. Whatever the history:
// the robot is never told of a row that the database does not have, resends are bounded, and once the link heals all is delivered
// or declared and the accounting is exact.
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { type Account, readAccounts } from '../../cloud/src/receipts/coverage.ts';
import type { Credentials } from '../../src/identity/index.ts';
import { createLog } from '../../src/logs/index.ts';
import { Problems } from '../../src/status/index.ts';
import { Uplink, UplinkMemory } from '../../src/uplink/index.ts';
import { count, type Mark, type Receipt, subtract } from '../../src/wire/index.ts';
import { Broker, FAIR, type Weather } from './broker.ts';
import { CloudInstance } from './cloud.ts';
import { type DatabaseWeather, MemoryDatabase } from './database.ts';
import { rowOf, whereRoom } from './parts.ts';
import { type ReceiptHistory, type ReceiptStep, receiptHistories } from './receiptHistory.ts';
import { Resends } from './resends.ts';
import { type Damage, Robot, type RobotFolder } from './robot.ts';
import { VirtualTime } from './time.ts';

const THING = 'bot';
const LOG = createLog('silent');
const CREDENTIALS = { ca: '', cert: '', key: '', notBeforeMs: 0, notAfterMs: Number.MAX_SAFE_INTEGER } as unknown as Credentials;

/** Ten tries with doubling patience take four hours and some. */
const HEALS_WITHIN_MS = 6 * 3_600_000;
const LOOK_EVERY_MS = 10_000;

/** Faults on purpose: what the model must be able to find. */
export interface Plants {
  readonly dirtyReads?: boolean;
  readonly receipt?: (receipt: Receipt) => Receipt;
  /** A message of the robot as it leaves; null: it never does. */
  readonly upward?: (topic: string, text: string) => string | null;
}

class World {
  readonly #time: VirtualTime;
  readonly #robot: Robot;
  readonly #broker: Broker;
  readonly #database: MemoryDatabase;
  readonly #clouds: readonly CloudInstance[];
  readonly #resends = new Resends();
  #uplink = new AbortController();
  #kills = 0;
  #damaged = 0;
  /** What went wrong in a timer or a callback, where an exception would end in the code under test. */
  #wrong: unknown;

  constructor(folder: RobotFolder, time: VirtualTime, plants: Plants) {
    this.#time = time;
    this.#robot = new Robot(folder, time);
    const guard = (work: () => void) => {
      try {
        work();
      } catch (error) {
        this.#wrong ??= error;
      }
    };
    this.#broker = new Broker(time, {
      sent: (topic, payload) => guard(() => this.#resends.sent(topic, payload, this.#mark())),
      acknowledged: (topic, payload) => guard(() => this.#resends.acknowledged(topic, payload, this.#mark())),
      ...(plants.upward ? { upward: plants.upward } : {}),
    });
    this.#database = new MemoryDatabase(time, plants.dirtyReads);
    const { receipt: onReceipt = (receipt) => receipt } = plants;
    this.#clouds = [0, 1].map(() => new CloudInstance({ time, broker: this.#broker, database: this.#database, onReceipt }));
    this.#link();
  }

  async take(step: ReceiptStep): Promise<void> {
    if (step.do === 'append') this.#robot.outbox.append(rowOf(step.what, step.big));
    else if (step.do === 'wait') await this.#time.run(step.ms);
    else if (step.do === 'weather') this.#weather(step.broker, step.database);
    else if (step.do === 'cut') this.#broker.cut();
    else if (step.do === 'down') this.#down(step.ms);
    else if (step.do === 'tend') whereRoom(() => this.#robot.tend(step.maxAgeMs));
    else if (step.do === 'clock') this.#stepClock(step.whose, step.ms, step.trusted);
    else if (step.do === 'kill') await this.#kill(step.damage, step.offMs);
    else this.#killCloud(step.which, step.offMs);
    await this.#time.run(0);
    this.#check();
  }

  /** Fair weather, nobody is down, what was under way is lost. Then all is delivered or declared, and nobody asks again. */
  async heal(): Promise<void> {
    this.#weather(FAIR, { slowMs: 0, failing: 0 });
    this.#broker.forget();
    this.#broker.isUp = true;
    for (const cloud of this.#clouds) cloud.start();
    for (let ms = 0; ms < HEALS_WITHIN_MS && !this.#isQuiet(); ms += LOOK_EVERY_MS) await this.#time.run(LOOK_EVERY_MS);
    this.#check();
    const { outbox } = this.#robot;
    assert.equal(outbox.unconfirmed, 0, 'rows are still outstanding on the robot');
    assert.deepEqual(outbox.depth(), { alert: 0, result: 0, event: 0, telemetry: 0 }, 'rows are still held');
    assert.equal(outbox.oldestUncoveredMs(), undefined, 'the robot would ask for receipts for ever');
    for (const account of await this.#accounts()) {
      assert.equal(account.outstanding, 0, `${account.outbox}: the cloud waits for rows that nobody has: ${JSON.stringify(account)}`);
    }
    for (const { outbox: id, committed } of this.#database.outboxes()) {
      assert.deepEqual(subtract(committed, this.#database.rows(THING, id)), [], `${id}: rows count as committed and are in no table`);
    }
    const [mine] = (await this.#accounts()).filter((account) => account.outbox === outbox.id);
    assert.equal(mine?.accepted ?? 0, outbox.accepted, 'the cloud was told of all the robot’s rows');
  }

  /** Ends all of it, so that nothing of this history runs on. */
  async close(): Promise<void> {
    this.#uplink.abort();
    for (const cloud of this.#clouds) cloud.kill();
    this.#robot.close();
    await this.#time.run(0);
  }

  #check(): void {
    if (this.#wrong !== undefined) throw this.#wrong;
    for (const [id, covered] of this.#robot.covered()) {
      const unfounded = subtract(covered, this.#database.covered(THING, id));
      assert.deepEqual(unfounded, [], `${id}: the robot let rows go that the database does not have`);
    }
    this.#resends.check(this.#kills + this.#broker.ends + this.#broker.refusals, 1 + this.#damaged);
  }

  #isQuiet(): boolean {
    const { outbox } = this.#robot;
    if (this.#wrong !== undefined) return true;
    if (
      outbox.unconfirmed > 0 ||
      outbox.oldestUncoveredMs() !== undefined ||
      outbox.unfinishedOutboxes().length > 1 ||
      Object.values(outbox.depth()).some((rows) => rows > 0)
    )
      return false;
    return [...this.#database.outboxes()].every(({ outbox: id, accepted, closed, lastSeq }) => {
      return count(this.#database.covered(THING, id)) === accepted || (closed && lastSeq === null);
    });
  }

  /** As anyone may ask the cloud. */
  #accounts(): Promise<Account[]> {
    return readAccounts(this.#database.connect().database, THING);
  }

  #weather(broker: Weather, database: DatabaseWeather): void {
    this.#broker.weather = broker;
    this.#database.weather = database;
  }

  #down(ms: number): void {
    this.#broker.isUp = false;
    this.#broker.cut();
    this.#time.after(ms, () => {
      this.#broker.isUp = true;
    });
  }

  #stepClock(whose: 0 | 1 | 2, ms: number, trusted: boolean): void {
    const cloud = this.#clouds[whose - 1];
    if (cloud) cloud.skewMs += ms;
    else this.#robot.stepClock(ms, trusted);
  }

  async #kill(damage: Damage | null, offMs: number): Promise<void> {
    this.#kills++;
    if (damage) this.#damaged++;
    this.#uplink.abort();
    this.#robot.kill(damage ?? undefined);
    await this.#time.run(offMs);
    this.#robot.start();
    this.#link();
  }

  #killCloud(which: 0 | 1, offMs: number): void {
    const cloud = this.#clouds[which];
    cloud?.kill();
    this.#time.after(offMs, () => cloud?.start());
  }

  #mark(): Mark {
    return [this.#robot.lifetime.boot, this.#robot.clock.mono()];
  }

  /** As the agent does. */
  #link(): void {
    const { outbox, clock, lifetime, folder } = this.#robot;
    this.#uplink = new AbortController();
    const uplink = new Uplink({
      thing: THING,
      topicPrefix: 'elderly_bot',
      host: 'broker',
      port: 8883,
      credentials: CREDENTIALS,
      version: '0',
      intervalMs: 60_000,
      keepaliveMs: 30_000,
      connectTimeoutMs: 10_000,
      ackTimeoutMs: 20_000,
      window: 20,
      backoff: { minMs: 1_000, maxMs: 300_000 },
      quota: { messagesPerSecond: null, bytesPerSecond: null },
      budget: null,
      memory: new UplinkMemory(folder),
      outbox,
      clock,
      lifetime,
      problems: new Problems(
        () => clock.mono(),
        () => {},
      ),
      log: LOG,
      commands: [],
      onCommand: () => {},
      onAck: () => {},
      onLinkLost: () => {},
      connect: this.#broker.connect,
    });
    outbox.wakeOn(() => uplink.wake());
    uplink.run(this.#uplink.signal).catch((error: unknown) => {
      this.#wrong ??= error;
    });
  }
}

/** @param onSteps told how many steps each history took. */
export function receiptsProperty(
  folder: RobotFolder,
  onSteps: (count: number) => void,
  plants: Plants = {},
): fc.IAsyncProperty<[ReceiptHistory]> {
  return fc.asyncProperty(receiptHistories, async (history) => {
    const time = new VirtualTime(history.seed);
    time.install();
    const world = new World(folder, time, plants);
    try {
      for (const next of history.steps) await world.take(next);
      await world.heal();
    } finally {
      await world.close();
      time.remove();
      onSteps(history.steps.length);
    }
  });
}
