// All streams of an instance share one look at the database.
import assert from 'node:assert/strict';
import { EventEmitter, once } from 'node:events';
import { after, before, test } from 'node:test';
import { pino } from 'pino';
import { addUser, invite, revoke } from '../src/auth/members.ts';
import type { Database } from '../src/database/database.ts';
import { ChangeNotifier } from '../src/stream/changeNotifier.ts';
import { events } from '../src/stream/events.ts';
import { Looks } from '../src/stream/looks.ts';
import { newPhone } from './support/api.ts';
import { onPostgres } from './support/databases.ts';
import { newThing } from './support/robot.ts';

const STREAMS = 300;
/** Each robot has three streams. */
const THINGS = Array.from({ length: STREAMS / 3 }, () => newThing());
const WRITERS = 4;
const TRANSACTIONS = 40;

/** One member's client. It counts how often each incident came. */
class Client {
  readonly seen = new Map<string, number>();
  lastId: string | null = null;
  #stream: AsyncGenerator<string>;
  #leaving: AbortController;
  readonly #open: (since: string | null, signal: AbortSignal) => AsyncGenerator<string>;

  constructor(open: (since: string | null, signal: AbortSignal) => AsyncGenerator<string>) {
    this.#open = open;
    this.#leaving = new AbortController();
    this.#stream = open(null, this.#leaving.signal);
  }

  /** Receives until it saw `count` incidents. @returns false if the stream ended. */
  async until(count: number): Promise<boolean> {
    while (this.seen.size < count) {
      const { value, done } = await this.#stream.next();
      if (done) return false;
      for (const [, incident = ''] of String(value).matchAll(/"incident":"(\w+)"/g)) {
        this.seen.set(incident, (this.seen.get(incident) ?? 0) + 1);
      }
      this.lastId = /^id: (\S+)$/m.exec(String(value))?.[1] ?? this.lastId;
    }
    return true;
  }

  async leave(): Promise<void> {
    this.#leaving.abort();
    while (!(await this.#stream.next()).done);
  }

  resume(): void {
    this.#leaving = new AbortController();
    this.#stream = this.#open(this.lastId, this.#leaving.signal);
  }
}

onPostgres('the look', (db, another) => {
  let notifier: ChangeNotifier;
  let userId = 0;
  /** The statements of the looks: how many, and how many at most at a time. */
  const statements = { all: 0, running: 0, most: 0 };
  let watched: Database;

  before(async () => {
    notifier = new ChangeNotifier(db(), pino({ level: 'silent' }));
    await notifier.start();
    userId = await newMember(...THINGS);
    watched = {
      ...db(),
      prepared: async (text, params) => {
        statements.all++;
        statements.most = Math.max(statements.most, ++statements.running);
        try {
          return await db().prepared<never>(text, params);
        } finally {
          statements.running--;
        }
      },
    };
  });
  after(() => notifier.stop());

  const newMember = async (...things: readonly string[]): Promise<number> => {
    const phone = newPhone();
    const id = (await addUser(db(), phone, 'x')) ?? 0;
    for (const thing of things) await invite(db(), phone, thing);
    return id;
  };
  const client = (looks: Looks, thing: string, member = userId): Client =>
    new Client((since, signal) => events({ looks, notifier, thing, userId: member, since, signal, heartbeatMs: 300 }));

  test('300 streams get each change of concurrent writers exactly once, also those that resume and those that are slow', async () => {
    const looks = new Looks(watched);
    const clients = THINGS.flatMap((thing) => [0, 1, 2].map(() => client(looks, thing)));
    const [slow, leaving] = [clients.filter((_, i) => i % 3 === 1), clients.filter((_, i) => i % 3 === 2)];
    const fast = clients.filter((_, i) => i % 3 === 0);
    const perThing = WRITERS * TRANSACTIONS;
    const received = Promise.all([
      ...fast.map((each) => each.until(perThing)),
      ...leaving.map(async (each) => {
        for (let count = 20; count < perThing; count += 40) {
          assert.ok(await each.until(count));
          await each.leave();
          each.resume();
        }
        return each.until(perThing);
      }),
      // Their clients receive nothing until all is written.
      ...slow.map((each) => each.until(1)),
    ]);
    let written = 0;
    // A transaction with an older number often commits after a newer one, so a stream without the whole snapshot would skip its rows.
    const write = async (connection: Database, writer: number): Promise<void> => {
      for (let n = 0; n < TRANSACTIONS; n++) {
        await connection.transaction(async (sql) => {
          await sql.query(
            `insert into alerts (thing, incident, channel, value, raised_at)
            select t, 'w' || $2::text || 'n' || $3::text, 'fall', 'true', 1 from unnest($1::text[]) as t`,
            [THINGS, writer, n],
          );
          await sql.query('select pg_sleep($1)', [((writer * 7 + n * 3) % 5) / 50]);
        });
        written++;
        notifier.changed(written % 2 ? THINGS : THINGS.slice(0, 10));
      }
    };
    const connections = Array.from({ length: WRITERS }, another);
    await Promise.all(connections.map(write));
    assert.ok((await received).every(Boolean));
    assert.ok((await Promise.all(slow.map((each) => each.until(perThing)))).every(Boolean));
    for (const { seen } of clients) assert.deepEqual([seen.size, Math.max(...seen.values())], [perThing, 1]);
    assert.equal(statements.most, 1);
    await Promise.all(clients.map((each) => each.leave()));
  });

  test('streams that wake together share a statement for 100 robots, and the same answer for the same robot', async () => {
    const looks = new Looks(watched);
    const before = statements.all;
    const answers = await Promise.all([...THINGS, ...THINGS, ...THINGS].map((thing) => looks.changes(thing, null)));
    assert.equal(statements.all - before, 1);
    const moment = answers[0]?.moment ?? '';
    assert.ok(answers.every((answer) => answer.moment === moment && answer.members.includes(userId)));
    // Others of the same look have another moment.
    const since = THINGS.map((thing, i) => looks.changes(thing, i % 2 ? moment : null));
    assert.ok((await Promise.all(since)).every(({ events: text }, i) => (text === '') === (i % 2 === 1)));
    assert.equal(statements.all - before, 2);
  });

  test('a look waits for the end of the one before it, also if that is slow', async () => {
    const steps = new EventEmitter();
    const entered = once(steps, 'entered');
    const finished = once(steps, 'finished');
    let calls = 0;
    const slow: Database = {
      ...db(),
      prepared: async (text, params) => {
        calls++;
        steps.emit('entered');
        await finished;
        return db().prepared(text, params);
      },
    };
    const looks = new Looks(slow);
    const first = looks.changes(newThing(), null);
    await entered;
    const second = looks.changes(newThing(), null);
    await db().query('select pg_sleep(0.5)');
    assert.equal(calls, 1);
    steps.emit('finished');
    await Promise.all([first, second]);
    assert.equal(calls, 2);
  });

  test('a robot whose data the database refuses ends only its own streams', async () => {
    const [thing, refused] = [newThing(), newThing()];
    const refusing: Database = {
      ...db(),
      prepared: (text, params) =>
        (params[0] as string[]).includes(refused)
          ? Promise.reject(Object.assign(new Error('invalid'), { code: '22P02' }))
          : db().prepared(text, params),
    };
    const looks = new Looks(refusing);
    const [bad, good] = await Promise.allSettled([looks.changes(refused, null), looks.changes(thing, null)]);
    assert.deepEqual([bad.status, good.status], ['rejected', 'fulfilled']);
    assert.ok(await looks.changes(thing, null), 'the next look works');
  });

  test('a membership that ends takes one member’s stream with the next look, and no other of that robot', async () => {
    const thing = newThing();
    const phone = newPhone();
    const [stays, leaves] = [await newMember(thing), (await addUser(db(), phone, 'x')) ?? 0];
    await invite(db(), phone, thing);
    const looks = new Looks(watched);
    const clients = [client(looks, thing, stays), client(looks, thing, leaves)];
    const raise = (incident: string) =>
      db().query(`insert into alerts (thing, incident, channel, raised_at) values ($1, $2, 'fall', 1)`, [thing, incident]);
    await raise('a');
    assert.deepEqual(await Promise.all(clients.map((each) => each.until(1))), [true, true]);
    await revoke(db(), phone, thing);
    await raise('b');
    notifier.changed([thing]);
    assert.deepEqual(await Promise.all(clients.map((each) => each.until(2))), [true, false]);
    await clients[0]?.leave();
  });
});
