// Tests the receipts end to end in virtual time: the robot's real outbox, pump and uplink, a broker that loses, duplicates and reorders
// messages, and two real instances of the cloud on one database. Histories include wrong clocks, restarts on all sides, evictions and
// damaged files. In any history no receipt covers a row that the database does not have, and the number of resends is limited. Once the
// link works again, every row is delivered or declared, and the counts of robot and cloud agree.
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { type Account, readAccounts } from '../../cloud/src/receipts/coverage.ts';
import type { Credentials } from '../../src/identity/index.ts';
import { createLog } from '../../src/logs/index.ts';
import { Problems } from '../../src/status/index.ts';
import { Uplink, UplinkMemory } from '../../src/uplink/index.ts';
import { count, type Mark, type Receipt, subtract } from '../../src/wire/index.ts';
import { Broker, type BrokerFaults, NO_FAULTS } from './broker.ts';
import { CloudInstance } from './cloud.ts';
import { type DatabaseFaults, MemoryDatabase } from './database.ts';
import { rowOf, unlessDiskFull } from './parts.ts';
import { type ReceiptHistory, type ReceiptStep, receiptHistories } from './receiptHistory.ts';
import { Resends } from './resends.ts';
import { type Damage, Robot, type RobotFolder } from './robot.ts';
import { VirtualTime } from './time.ts';

const THING = 'bot';
const LOG = createLog('silent');
const CREDENTIALS = { ca: 'ca', cert: 'cert', key: 'key', notBeforeMs: 0, notAfterMs: Number.MAX_SAFE_INTEGER } as unknown as Credentials;

/** Ten tries at doubling intervals take more than four hours. */
const HEALS_WITHIN_MS = 6 * 3_600_000;
const CHECK_EVERY_MS = 10_000;

/** Deliberate faults that the model has to find. */
export interface PlantedFaults {
  readonly dirtyReads?: boolean;
  readonly receipt?: (receipt: Receipt) => Receipt;
  /** Returns the text to send in place of a message of the robot, or null to send nothing. */
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
  /** The first error in a timer or a callback. An exception there would reach the code under test instead of the model. */
  #error: unknown;

  constructor(folder: RobotFolder, time: VirtualTime, planted: PlantedFaults) {
    this.#time = time;
    this.#robot = new Robot(folder, time);
    const guard = (work: () => void) => {
      try {
        work();
      } catch (error) {
        this.#error ??= error;
      }
    };
    this.#broker = new Broker(time, {
      sent: (topic, payload) => guard(() => this.#resends.sent(topic, payload, this.#mark())),
      acknowledged: (topic, payload) => guard(() => this.#resends.acknowledged(topic, payload, this.#mark())),
      ...(planted.upward ? { upward: planted.upward } : {}),
    });
    this.#database = new MemoryDatabase(time, planted.dirtyReads);
    const { receipt: onReceipt = (receipt) => receipt } = planted;
    this.#clouds = [0, 1].map(() => new CloudInstance({ time, broker: this.#broker, database: this.#database, onReceipt }));
    this.#link();
  }

  async runStep(step: ReceiptStep): Promise<void> {
    if (step.do === 'append') this.#robot.outbox.append(rowOf(step.rowClass, step.big));
    else if (step.do === 'wait') await this.#time.run(step.ms);
    else if (step.do === 'faults') this.#setFaults(step.broker, step.database);
    else if (step.do === 'cut') this.#broker.cut();
    else if (step.do === 'down') this.#down(step.ms);
    else if (step.do === 'maintain') unlessDiskFull(() => this.#robot.maintain(step.maxAgeMs));
    else if (step.do === 'clock') this.#stepClock(step.whose, step.ms, step.trusted);
    else if (step.do === 'kill') await this.#kill(step.damage, step.offMs);
    else this.#killCloud(step.which, step.offMs);
    await this.#time.run(0);
    this.#check();
  }

  /** Ends all faults and loses the messages in transit. Then every row has to be delivered or declared. */
  async heal(): Promise<void> {
    this.#setFaults(NO_FAULTS, { slowMs: 0, failing: 0 });
    this.#broker.forget();
    this.#broker.isUp = true;
    for (const cloud of this.#clouds) cloud.start();
    for (let ms = 0; ms < HEALS_WITHIN_MS && !this.#isQuiet(); ms += CHECK_EVERY_MS) await this.#time.run(CHECK_EVERY_MS);
    this.#check();
    const { outbox } = this.#robot;
    assert.equal(outbox.unconfirmed, 0, 'rows are still outstanding on the robot');
    assert.deepEqual(outbox.depth(), { alert: 0, result: 0, event: 0, telemetry: 0 }, 'rows are still held');
    assert.equal(outbox.oldestUncoveredMs(), undefined, 'the robot would ask for receipts for ever');
    for (const account of await this.#accounts()) {
      assert.equal(account.outstanding, 0, `${account.outbox}: the cloud waits for rows that no longer exist: ${JSON.stringify(account)}`);
    }
    for (const { outbox: id, committed } of this.#database.outboxes()) {
      assert.deepEqual(subtract(committed, this.#database.rows(THING, id)), [], `${id}: committed rows are in no table`);
    }
    const [mine] = (await this.#accounts()).filter((account) => account.outbox === outbox.id);
    assert.equal(mine?.accepted ?? 0, outbox.accepted, 'the cloud knows the number of the robot’s rows');
  }

  /** Ends robot and clouds, so that no part of this history continues. */
  async close(): Promise<void> {
    this.#uplink.abort();
    for (const cloud of this.#clouds) cloud.kill();
    this.#robot.close();
    await this.#time.run(0);
  }

  #check(): void {
    if (this.#error !== undefined) throw this.#error;
    for (const [id, covered] of this.#robot.covered()) {
      const unfounded = subtract(covered, this.#database.covered(THING, id));
      assert.deepEqual(unfounded, [], `${id}: the robot released rows that the database does not have`);
    }
    this.#resends.check(this.#kills + this.#broker.ends + this.#broker.refusals, 1 + this.#damaged);
  }

  #isQuiet(): boolean {
    const { outbox } = this.#robot;
    if (this.#error !== undefined) return true;
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

  /** Reads the accounts like a client of the cloud. */
  #accounts(): Promise<Account[]> {
    return readAccounts(this.#database.connect().database, THING);
  }

  #setFaults(broker: BrokerFaults, database: DatabaseFaults): void {
    this.#broker.faults = broker;
    this.#database.faults = database;
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

  /** Starts the uplink like the agent. */
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
      alertTimeoutMs: 5_000,
      interfaces: [],
      window: 20,
      backoff: { minMs: 1_000, spreadMs: 30_000, maxMs: 300_000 },
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
      channels: () => [],
      onCommand: () => {},
      onAck: () => {},
      onLinkLost: () => {},
      connect: this.#broker.connect,
      readLinks: () => new Set(),
    });
    outbox.wakeOn(() => uplink.wake());
    uplink.run(this.#uplink.signal).catch((error: unknown) => {
      this.#error ??= error;
    });
  }
}

/** @param onSteps receives the number of steps of each history. */
export function receiptsProperty(
  folder: RobotFolder,
  onSteps: (count: number) => void,
  planted: PlantedFaults = {},
): fc.IAsyncProperty<[ReceiptHistory]> {
  return fc.asyncProperty(receiptHistories, async (history) => {
    const time = new VirtualTime(history.seed);
    time.install();
    const world = new World(folder, time, planted);
    try {
      for (const next of history.steps) await world.runStep(next);
      await world.heal();
    } finally {
      await world.close();
      time.remove();
      onSteps(history.steps.length);
    }
  });
}
