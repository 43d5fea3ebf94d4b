import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { pino } from 'pino';
import { Supervision } from '../../src/commands/guard/server.ts';
import { GuardLink, GuardServer } from '../../src/commands/index.ts';
import { AgentError } from '../../src/errors.ts';
import { until } from '../support/until.ts';

const log = pino({ level: 'silent' });

describe('the supervision of a motion', () => {
  it('does not stop a motion if the agent sends pings and ends it in time', () => {
    const supervision = new Supervision();
    supervision.arm(1, 500, 0);
    for (let ms = 50; ms <= 500; ms += 50) {
      supervision.ping(ms);
      assert.equal(supervision.overdue(ms), undefined);
    }
    supervision.disarm(1);
    assert.equal(supervision.overdue(100_000), undefined);
    assert.equal(supervision.deadlineMs(), undefined);
  });

  it('stops a motion that is 50 ms late, even if the agent sends pings', () => {
    const supervision = new Supervision();
    supervision.arm(1, 500, 0);
    for (let ms = 50; ms < 550; ms += 50) supervision.ping(ms);
    assert.equal(supervision.overdue(549), undefined);
    assert.match(String(supervision.overdue(550)), /did not end the motion in time/);
  });

  it('stops a long motion 400 ms after the last ping', () => {
    const supervision = new Supervision();
    supervision.arm(1, 60_000, 0);
    supervision.ping(1_000);
    assert.equal(supervision.deadlineMs(), 1_400);
    assert.equal(supervision.overdue(1_399), undefined);
    assert.match(String(supervision.overdue(1_400)), /sent no ping/);
  });

  it('follows the last armed motion and ignores a late disarm of an earlier one', () => {
    const supervision = new Supervision();
    supervision.arm(1, 500, 0);
    supervision.arm(2, 500, 300);
    supervision.disarm(1);
    assert.equal(supervision.isArmed, true);
    assert.equal(supervision.overdue(600), undefined);
  });
});

describe('agent and guard', () => {
  let folder: string;
  let path: string;
  let stops: number[];
  let unable: string | undefined;
  let trips: string[];
  const links: GuardLink[] = [];
  const servers: GuardServer[] = [];

  const serve = async () => {
    const mine = stops;
    const server = new GuardServer({ path, publishStop: () => mine.push(performance.now()), unable: () => unable, log });
    await server.start();
    servers.push(server);
    return server;
  };
  const connect = async () => {
    const link = new GuardLink({ path, onTrip: (reason) => trips.push(reason), onChange: () => {} });
    link.start();
    links.push(link);
    await until(() => link.missing === undefined, 'the guard answered');
    return link;
  };

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'elderly-bot-guard-'));
    path = join(folder, 'guard.sock');
    [stops, trips, unable] = [[], [], undefined];
  });
  afterEach(async () => {
    for (const link of links.splice(0)) link.stop();
    for (const server of servers.splice(0)) await server.stop();
    rmSync(folder, { recursive: true });
  });

  it('supervise a motion that ends without the guard', async () => {
    await serve();
    const link = await connect();
    const armed = await link.arm(100, ['/cmd_vel']);
    armed.disarm();
    await new Promise((resolve) => setTimeout(resolve, 250));
    assert.deepEqual([stops, trips], [[], []]);
  });

  it('the guard publishes the stop of an overdue motion twice, and informs the agent', async () => {
    await serve();
    const link = await connect();
    await link.arm(100, ['/cmd_vel']);
    await until(() => stops.length === 2, 'the stop was published twice');
    assert.match(String(trips), /did not end the motion in time/);
  });

  it('the guard publishes the stop at once when the agent’s connection ends', async () => {
    await serve();
    const link = await connect();
    await link.arm(10_000, []);
    link.stop();
    await until(() => stops.length > 0, 'the stop was published');
  });

  it('the agent ends a motion when the guard disconnects, and starts none until the guard is back', async () => {
    const server = await serve();
    const link = await connect();
    await link.arm(10_000, []);
    await server.stop();
    servers.pop();
    await until(() => trips.length > 0, 'the agent noticed');
    assert.match(String(trips), /the guard disconnected/);
    await assert.rejects(link.arm(100, []), /guard is not running/);
    await serve();
    await until(() => link.missing === undefined, 'the guard is back');
    (await link.arm(100, [])).disarm();
  });

  it('the guard refuses a motion that it could not end, with the reason', async () => {
    await serve();
    const link = await connect();
    unable = 'no node on /cmd_vel subscribes to the guard yet';
    await assert.rejects(link.arm(100, ['/cmd_vel']), /no node on \/cmd_vel/);
    await new Promise((resolve) => setTimeout(resolve, 200));
    assert.deepEqual(stops, []);
  });

  it('the guard publishes the stop on the agent’s request', async () => {
    await serve();
    const link = await connect();
    link.trip();
    await until(() => stops.length > 0, 'the stop was published');
  });

  it('a second guard is refused', async () => {
    await serve();
    await assert.rejects(serve(), (error) => error instanceof AgentError && error.code === 'STATE_DIR_LOCKED');
  });
});
