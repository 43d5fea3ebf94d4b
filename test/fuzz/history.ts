// Runs one history: a robot with a real outbox and journal receives generated commands. The checker must allow each published ROS message
// for a recent command, and each readable id must get one result.
import { pino } from 'pino';
import { Commands } from '../../src/commands/index.ts';
import { publicationsOf } from '../../src/config/index.ts';
import { CommandJournal } from '../../src/outbox/index.ts';
import { type OutboxBench, outboxBench } from '../support/outbox.ts';
import { allowed, type Delivered, idOf, isStop, RULES } from './checker.ts';
import { type Draft, damaged, type Step } from './generate.ts';
import { COMMANDS, THING } from './robot.ts';
import { type Device, KEYS } from './signers.ts';

export interface Tally {
  messages: number;
  published: number;
  /** Published messages of commands that must be signed. */
  signed: number;
  stops: number;
  answered: number;
  readonly statuses: Record<string, number>;
}

interface Published {
  readonly topic: string;
  readonly message: Readonly<Record<string, unknown>>;
}

const MINUTE_MS = 60_000;
const RATES: Readonly<Record<string, number>> = { buzzer: 60, speak: 20, dim: 600, mode: 30, drive: 300, goto: 30 };
/** This time is longer than the deadline of any confirmation. */
const ANSWERED_WITHIN_MS = 3_000;

export class History {
  readonly #bench: OutboxBench = outboxBench();
  readonly #tally: Tally;
  readonly #published: Published[] = [];
  readonly #arrived: Buffer[] = [];
  readonly #ids = new Set<string>();
  readonly #publishedAt = new Map<string, number[]>();
  #commands: Commands;
  #battery: number | undefined;
  #fall: boolean | undefined = false;
  #paired: readonly Device[] = ['anna', 'bert', 'passkey'];
  #areKeysDamaged = false;
  #connectedAtMs: number;
  /** Whether a planned motion has not ended yet. */
  #hasGoal = false;

  constructor(tally: Tally) {
    this.#tally = tally;
    this.#bench.db.pragma('synchronous = OFF');
    this.#connectedAtMs = this.#bench.clock.wallMs;
    this.#commands = this.#start();
  }

  /** @throws Error that describes the failure. */
  async run(steps: readonly Step[]): Promise<void> {
    try {
      for (const step of steps) await this.#step(step);
      this.#commands.halt('the history ends');
      await this.#allAnswered();
    } finally {
      await this.#commands.stop();
      this.#bench.outbox.close();
      this.#bench.remove();
    }
  }

  #start(): Commands {
    const { outbox, db, clock } = this.#bench;
    const publishers = Object.entries(COMMANDS).map(([name, config]) => {
      const each = publicationsOf(config).map(({ topic }) => ({
        subscribers: 1,
        publish: (message: Published['message']) => void this.#published.push({ topic, message }),
      }));
      return [name, each] as const;
    });
    const commands = new Commands({
      thing: THING,
      commands: COMMANDS,
      publishers: new Map(publishers),
      outbox,
      journal: new CommandJournal(db, () => clock.mono()),
      clock,
      guard: { missing: undefined, arm: () => Promise.resolve({ disarm: () => {} }), trip: () => {} },
      builtin: { ping: () => ({ status: 'done' }) },
      latestValue: (channel) => {
        const value = channel === 'battery' ? this.#battery : this.#fall;
        return value === undefined ? undefined : { value, ageMs: 1_000 };
      },
      familyKeys: {
        read: () =>
          this.#areKeysDamaged ? { keys: [], damage: 'damaged' } : { keys: this.#paired.map((device) => KEYS[device]), damage: undefined },
      },
      connectedForMs: () => clock.wallMs - this.#connectedAtMs,
      log: pino({ level: 'silent' }),
    });
    commands.start();
    return commands;
  }

  async #step(step: Step): Promise<void> {
    const { clock } = this.#bench;
    switch (step.do) {
      case 'send':
        return this.#send(step.drafts);
      case 'wait':
        return clock.advance(step.ms);
      case 'clock':
        clock.isTrusted = step.trusted;
        return;
      case 'sense':
        this.#battery = step.battery;
        this.#fall = step.fall;
        return;
      case 'confirm':
        return this.#commands.confirm('mode', step.value);
      case 'pair':
        this.#paired = step.devices;
        this.#areKeysDamaged = step.isDamaged;
        return;
      case 'link_lost':
        this.#commands.halt('the link was lost');
        this.#connectedAtMs = clock.wallMs;
        return this.#check([]);
      case 'restart':
        await this.#commands.stop();
        this.#bench.outbox.flush();
        this.#check([]);
        this.#bench.reopen();
        this.#bench.db.pragma('synchronous = OFF');
        // A restart of the agent resets the rates.
        this.#publishedAt.clear();
        this.#commands = this.#start();
    }
  }

  async #send(drafts: readonly Draft[]): Promise<void> {
    const delivered = drafts.map((draft) => this.#deliver(draft));
    const firsts = delivered.filter(({ payload }) => this.#isFirst(payload));
    for (const { payload, retained, expiryMs } of delivered) this.#commands.receive({ payload, retained, expiryMs });
    // The event loop gets a turn after each command, and a motion waits for the guard first.
    for (let turn = 0; turn < drafts.length + 2; turn++) await new Promise((resolve) => setImmediate(resolve));
    this.#check(firsts);
  }

  #deliver({ again, json, damage, retained, expiryMs }: Draft): Delivered {
    const { clock } = this.#bench;
    const id = `id-${this.#arrived.length}`;
    const earlier = again === undefined ? undefined : this.#arrived.at(-again);
    const payload = earlier ?? damaged(json(clock.wallMs, id), damage);
    this.#arrived.push(payload);
    this.#tally.messages++;
    const [wallMs, trusted, connectedAtMs] = [clock.wallMs, clock.isTrusted, this.#connectedAtMs];
    return {
      payload,
      retained,
      expiryMs,
      wallMs,
      trusted,
      connectedAtMs,
      paired: this.#areKeysDamaged ? [] : this.#paired,
      battery: this.#battery,
      fall: this.#fall,
    };
  }

  #isFirst(payload: Buffer): boolean {
    const id = idOf(payload);
    if (id === undefined) return true;
    const isFirst = !this.#ids.has(id);
    this.#ids.add(id);
    return isFirst;
  }

  /** Checks that each message is a stop or belongs to one of these commands, and that no command causes two messages. */
  #check(arrived: readonly Delivered[]): void {
    const permitted = arrived.flatMap((delivered) => allowed(delivered) ?? []);
    for (const { topic, message } of this.#published.splice(0)) {
      const text = JSON.stringify(message);
      // A drive at zero speed equals a stop, and it is harmless.
      if (isStop(topic, message)) {
        this.#hasGoal = false;
        this.#tally.stops++;
        continue;
      }
      const at = permitted.findIndex((each) => each.topic === topic && JSON.stringify(each.message) === text);
      if (at === -1) {
        const commands = arrived.map(({ payload }) => payload.toString('utf8').slice(0, 300)).join('\n');
        throw new Error(`${topic} ${text} was published, and no received command allows it:\n${commands}`);
      }
      permitted.splice(at, 1);
      this.#tally.published++;
      if (topic === '/cmd_vel' || topic === '/dim') this.#tally.signed++;
      this.#checkRate(topic);
      if (topic === '/cmd_vel' && this.#hasGoal) throw new Error('a drive began during a planned motion');
      if (topic === '/goal_pose') this.#hasGoal = true;
    }
  }

  #checkRate(topic: string): void {
    const name = Object.keys(RULES).find((each) => RULES[each]?.topic === topic) ?? '';
    const now = this.#bench.clock.mono();
    const recent = [...(this.#publishedAt.get(name) ?? []).filter((ms) => ms > now - MINUTE_MS), now];
    this.#publishedAt.set(name, recent);
    if (recent.length > (RATES[name] ?? 0)) throw new Error(`${name} was published ${recent.length} times in a minute`);
  }

  async #allAnswered(): Promise<void> {
    const answers = new Map<string, number>();
    const untilMs = performance.now() + ANSWERED_WITHIN_MS;
    const missing = () => [...this.#ids].filter((id) => !answers.has(id));
    for (;;) {
      this.#bench.outbox.flush();
      this.#collect(answers);
      if (missing().length === 0) break;
      if (performance.now() > untilMs) throw new Error(`no answer to ${missing().slice(0, 5).join(', ')}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    const twice = [...answers].find(([, count]) => count > 1);
    if (twice) throw new Error(`${twice[0]} was answered ${twice[1]} times`);
    const unknown = [...answers.keys()].find((id) => !this.#ids.has(id));
    if (unknown !== undefined) throw new Error(`${unknown} was answered but never received`);
    this.#tally.answered += answers.size;
  }

  #collect(answers: Map<string, number>): void {
    for (;;) {
      const claim = this.#bench.outbox.claim('result', { maxRows: 1_000, maxBytes: 10_000_000 });
      if (!claim) return;
      for (const { body } of claim.rows) {
        const { id, status, reason } = JSON.parse(`{${body}}`) as { id: string; status: string; reason?: string };
        answers.set(id, (answers.get(id) ?? 0) + 1);
        const name = reason ? `${status} ${reason}` : status;
        this.#tally.statuses[name] = (this.#tally.statuses[name] ?? 0) + 1;
      }
      this.#bench.outbox.published(claim);
    }
  }
}
