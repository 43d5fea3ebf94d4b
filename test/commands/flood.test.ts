// Tests that a flood of commands neither fills the outbox nor displaces what the family needs, and that a stop always works.
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import type { Commands } from '../../src/commands/index.ts';
import { configSchema } from '../../src/config/index.ts';
import { CommandJournal } from '../../src/outbox/index.ts';
import type { ResultBody } from '../../src/wire/index.ts';
import { type OutboxBench, outboxBench } from '../support/outbox.ts';
import { commandsOn } from '../support/runningCommands.ts';

const HOUR_MS = 3_600_000;

const commands = configSchema.shape.commands.parse({
  stop: { topic: '/cmd_vel', type: 'geometry_msgs/Twist', message: {} },
  lamp: { topic: '/lamp', type: 'std_msgs/Bool', message: { data: '$value' }, args: { value: { type: 'boolean' } }, rate: 600 },
  say: { topic: '/say', type: 'std_msgs/String', message: { data: '$text' }, args: { text: { type: 'string', max_length: 4_000 } } },
});

describe('the robot in a flood of commands', () => {
  let bench: OutboxBench;
  let journal: CommandJournal;
  let running: Commands;
  let published: string[];
  const floods: (string | undefined)[] = [];

  beforeEach(() => {
    bench = outboxBench(8 * 1024 ** 2);
    journal = new CommandJournal(bench.db, () => bench.clock.mono());
    published = [];
    floods.length = 0;
    const publisher = (name: string) => [{ subscribers: 1, publish: () => void published.push(name) }];
    running = commandsOn(bench, commands, {
      publishers: new Map(Object.keys(commands).map((name) => [name, publisher(name)])),
      journal,
      connectedForMs: () => HOUR_MS,
      onFlood: (text) => floods.push(text),
    });
  });
  afterEach(() => bench.remove());

  const send = async (id: string, over: object = {}) => {
    const now = bench.clock.wall();
    const payload = { id, thing: 'bot', command: 'lamp', value: true, issued_at: now, expires_at: now + 5_000, ...over };
    running.receive({ payload: Buffer.from(JSON.stringify(payload)), retained: false, expiryMs: undefined });
    await new Promise((resolve) => setImmediate(resolve));
  };
  const stop = (id: string) => send(id, { command: 'stop', value: undefined });
  const results = (): ResultBody[] => {
    bench.outbox.flush();
    const found: ResultBody[] = [];
    for (;;) {
      const claim = bench.outbox.claim('result', { maxRows: 1_000, maxBytes: 10_000_000 });
      if (!claim) return found;
      for (const { body } of claim.rows) found.push(JSON.parse(`{${body}}`));
    }
  };
  const ids = (state: string): number => Number(bench.db.prepare('select count(*) from commands where state = ?').pluck().get(state));
  const end = (id: string, status: ResultBody['status']) => journal.end(id, { kind: 'result', id, command: 'lamp', status });
  /** Ids of commands that ended and are valid for so long. */
  const fill = (validMs: number) =>
    bench.db.transaction(() => {
      for (let n = 0; n < 30_000 && journal.full() === undefined; n++) {
        const id = `${n}-`.padEnd(64, 'x');
        journal.begin(id, 'lamp', 0, validMs);
        end(id, 'done');
      }
    })();

  it('refuses commands with the reason while its journal is full of ids that could be repeated, and publishes a stop', async () => {
    fill(HOUR_MS);
    const full = ids('ended');
    assert.ok(full > 1_000 && full < 20_000, `${full} ids`);
    await send('late');
    await stop('s');
    const [late, s] = results();
    assert.deepEqual([late?.id, late?.status, late?.reason], ['late', 'rejected', 'not_allowed']);
    assert.match(late?.detail ?? '', /remembers \d+ ids .* no space for more; .* stop always works/);
    assert.deepEqual([s?.id, s?.status, published], ['s', 'done', ['stop']]);
    assert.match(floods.at(-1) ?? '', /^commands are refused: /);
    // The ids that could still be repeated are known after a restart too.
    bench.reopen();
    const reread = new CommandJournal(bench.db, () => bench.clock.mono());
    assert.ok(reread.find('0-'.padEnd(64, 'x')));
    assert.ok(reread.find(`${full - 1}-`.padEnd(64, 'x')));
  });

  it('runs commands again as soon as the earlier ids have expired', async () => {
    fill(5 * 60_000);
    await send('before');
    bench.clock.advance(5 * 60_000 + 3_000);
    await send('after');
    await send('after');
    assert.deepEqual(published, ['lamp']);
    assert.deepEqual(
      results().map(({ id, status }) => [id, status]),
      [
        ['before', 'rejected'],
        ['after', 'done'],
      ],
    );
  });

  it('keeps the latest ids that have expired, for a person at the robot', () => {
    fill(1_000);
    bench.clock.advance(61_000);
    for (let n = 0; n < 40_000; n++) {
      if (n % 100 === 0) bench.clock.advance(1_100);
      assert.equal(journal.full(), undefined);
      if (n % 100 === 0) bench.db.prepare('begin').run();
      journal.begin(`n${n}`.padEnd(64, 'y'), 'lamp', 0, 1_000);
      end(`n${n}`.padEnd(64, 'y'), 'done');
      if (n % 100 === 99) bench.db.prepare('commit').run();
    }
    assert.ok(ids('ended') <= 20_000);
    assert.ok(journal.find('n39999'.padEnd(64, 'y'))?.result);
  });

  it('holds at most 1,000 results of refusals, says so, and runs a valid command meanwhile', async () => {
    for (let n = 0; n < 10_000; n++) await send(`r${n}`.padEnd(64, 'z'), { value: 'loud' });
    await send('good');
    assert.deepEqual(published, ['lamp']);
    await running.stop();
    const found = results();
    assert.ok(found.length <= 1_001, `${found.length} results`);
    assert.ok(found.some(({ id, status }) => id === 'good' && status === 'done'));
    assert.match(floods.at(-1) ?? '', /^\d+ refused commands have no result/);
    assert.equal(running.counts().unanswered, 10_001 - found.length);
  });

  it('gives refused ids at most half of the journal', () => {
    bench.db.transaction(() => {
      for (let n = 0; n < 30_000 && journal.hasSpaceForRefused(); n++) {
        const id = `r${n}-`.padEnd(64, 'x');
        journal.begin(id, 'lamp', 0);
        end(id, 'rejected');
      }
    })();
    const refused = ids('refused');
    assert.equal(journal.full(), undefined);
    fill(HOUR_MS);
    assert.ok(ids('ended') > refused * 0.5, `${refused} refused, ${ids('ended')} ended`);
    assert.equal(ids('refused'), refused, 'an id that could be repeated stays');
  });

  it('does not run a repeated command that it refused without a result', async () => {
    for (let n = 0; n < 2_000; n++) await send(`r${n}`, { value: 'loud' });
    await running.stop();
    await send('r1999');
    assert.deepEqual(published, []);
    assert.equal(running.counts().duplicate, 1);
  });

  it('publishes each stop, and adds one result with their number', async () => {
    for (let n = 0; n < 500; n++) await stop(`s${n}`);
    for (let n = 0; n < 100; n++) await stop('s499');
    await running.stop();
    assert.equal(published.length, 600);
    const found = results();
    assert.equal(found.length, 21);
    const last = found.at(-1);
    assert.deepEqual([last?.id, last?.status, last?.times], ['s499', 'done', 580]);
    assert.match(last?.detail ?? '', /^this result stands for 580 stops$/);
    assert.equal(ids('ended'), 21);
  });

  it('says in that result that one of the stops failed', async () => {
    for (let n = 0; n < 30; n++) await stop(`s${n}`);
    const publishers = published.push.bind(published);
    published.push = () => {
      published.push = publishers;
      throw new Error('no such field');
    };
    await stop('fails');
    await stop('works');
    await running.stop();
    const last = results().at(-1);
    assert.deepEqual([last?.status, last?.reason, last?.times], ['failed', 'ros_error', 12]);
  });

  it('leaves a long applied value out of the result', async () => {
    await send('long', { command: 'say', value: undefined, args: { text: 'x'.repeat(4_000) } });
    const [result] = results();
    assert.deepEqual([result?.status, result?.applied], ['done', undefined]);
    assert.match(result?.detail ?? '', /too long for a result/);
  });
});
