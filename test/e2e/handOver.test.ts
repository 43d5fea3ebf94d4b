// An agent starts again within its process, because its outbox file was deleted. It hears each message meanwhile, on real parts.
import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import pg from 'pg';
import { claimDomain, type RosDomain } from '../../scripts/lab/domain.ts';
import { Bench } from '../support/bench.ts';
import { mosquittoUnavailable } from '../support/mosquitto.ts';
import { Postgres, postgresUnavailable } from '../support/postgres.ts';
import { RosPeer, rosUnavailable } from '../support/ros.ts';
import { eventually } from '../support/until.ts';

const NUMBER = 'std_msgs/msg/Int32';
const PATIENT = { patienceMs: 60_000, everyMs: 5 };
const skip = rosUnavailable() || mosquittoUnavailable() || postgresUnavailable();

describe('an agent that starts again within its process', { skip, timeout: 300_000 }, () => {
  let domain: RosDomain;
  let postgres: Postgres;
  let peer: RosPeer;
  let bench: Bench;
  let database: pg.Client;

  before(async () => {
    domain = await claimDomain();
    [postgres, bench, peer] = await Promise.all([Postgres.start(), Bench.start(), RosPeer.start()]);
    const url = await postgres.createDatabase();
    bench.configure(`  count: { topic: /count, type: ${NUMBER}, report: { on: message } }\n`);
    await peer.advertise('/count', NUMBER);
    await bench.cloud({ url });
    database = new pg.Client({ connectionString: url });
    await database.connect();
  });

  after(async () => {
    await database?.end();
    await peer?.close();
    await bench?.stop();
    await postgres?.stop();
    await domain?.release();
  });

  it('hears each message that is published meanwhile, once', async () => {
    const agent = bench.agent();
    await agent.event('connected');
    await peer.matched('/count');
    const stored = async () => {
      const { rows } = await database.query<{ value: number }>("select value from readings where channel = 'count' order by seq");
      return rows.map(({ value }) => Number(value));
    };
    let published = 0;
    const publishUntil = async (isDone: () => boolean | Promise<boolean>, text: string) =>
      eventually(
        async () => {
          await peer.publish('/count', NUMBER, { data: ++published });
          return isDone();
        },
        Boolean,
        text,
        PATIENT,
      );
    await publishUntil(async () => (await stored()).length > 0, 'the first number is stored');
    const first = published;
    rmSync(join(bench.stateDir, 'outbox.db'));
    await publishUntil(() => agent.lines.filter(({ event }) => event === 'started').length === 2, 'the agent has started again');
    const numbers = Array.from({ length: published - first + 1 }, (_, i) => first + i);
    await eventually(
      async () => {
        const found = await stored();
        return numbers.filter((number) => !found.includes(number));
      },
      (missing) => missing.length === 0,
      'each number is stored',
      { patienceMs: 60_000 },
    );
    const found = await stored();
    assert.equal(new Set(found).size, found.length, 'no number is stored twice');
  });
});
