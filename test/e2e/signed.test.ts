// Signed motions on real parts: a phone signs, the cloud on PostgreSQL and Mosquitto carry, the agent with its guard moves an rclpy robot.
// Holders of the cloud's certificate can drop a command, but not change or repeat one.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { appendFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import pg from 'pg';
import { AGENT } from '../../scripts/lab/program.ts';
import { FAMILY_KEYS_FILE } from '../../src/signing/familyKeys.ts';
import { shownFingerprint } from '../../src/signing/index.ts';
import { askStatus } from '../../src/status/index.ts';
import type { Result } from '../../src/wire/index.ts';
import { CMD_VEL, MovingRobot, movingMissing } from '../faults/moving.ts';
import { THING } from '../support/bench.ts';
import { type Phone, phone } from '../support/familyKeys.ts';
import { Postgres, postgresUnavailable } from '../support/postgres.ts';
import { eventually } from '../support/until.ts';

const PHONE = '+390612345678';

describe('a signed motion on real parts', { skip: movingMissing() || postgresUnavailable(), timeout: 180_000 }, () => {
  let robot: MovingRobot;
  let postgres: Postgres;
  let anna: Phone;
  let origin = '';
  let token = '';

  const cli = async (...args: string[]) => {
    const program = robot.bench.run(args.join(' '), AGENT, [...args, '--config', robot.bench.configFile]);
    const code = await program.exited;
    return { code, output: `${program.lines.map((line) => JSON.stringify(line)).join('\n')}${program.stderr}` };
  };
  const ask = async <T>(path: string, body?: unknown): Promise<T> => {
    const answer = await fetch(`${origin}${path}`, {
      method: body === undefined ? 'GET' : 'POST',
      headers: { authorization: `Bearer ${token}`, ...(body !== undefined && { 'content-type': 'application/json' }) },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    return (await answer.json()) as T;
  };
  const signedDrive = (over: object = {}) => {
    const now = Date.now();
    const id = randomBytes(9).toString('base64url');
    const args = { linear: 0.1, duration_ms: 100 };
    return anna.sign({ thing: THING, command: 'drive', args, id, issued_at: now, expires_at: now + 5_000, ...over });
  };
  /** Sends a command with the certificate of the cloud, as its operator or the broker's could. */
  const smuggle = async (command: Readonly<Record<string, unknown>>): Promise<Result> => {
    await robot.caller.sendRaw(JSON.stringify(command));
    return robot.caller.result(String(command.id));
  };
  const refusalOf = ({ status, reason, detail }: Result) => `${status} ${reason} ${detail}`;

  before(async () => {
    [robot, postgres, anna] = [await MovingRobot.start(), await Postgres.start(), await phone()];
    appendFileSync(robot.bench.configFile, '    signed: required\n');
    const cloud = await robot.bench.cloud({ url: postgres.url });
    origin = String((await cloud.event('cloud_ready')).url);
    token = (await ask<{ access_token: string }>('/auth/register', { phone: PHONE, password: 'correct horse' })).access_token;
    const database = new pg.Client({ connectionString: postgres.url });
    await database.connect();
    await database.query('insert into members (thing, user_id) select $1, id from users where phone = $2', [THING, PHONE]);
    await database.end();
    await robot.guard();
    await robot.agent();
  });
  after(async () => {
    await robot.stop();
    await postgres.stop();
  });

  it('is refused until the phone is paired, and the status says so', async () => {
    const { problems } = await askStatus(robot.bench.stateDir);
    assert.ok(problems.some(({ code, text }) => code === 'no_family_key' && /drive/.test(text)));
    assert.match(refusalOf(await smuggle(await signedDrive())), /^rejected not_allowed signature: no family key is paired/);
    const checked = await cli('config', 'check');
    assert.match(checked.output, /no device is paired, so the robot refuses drive/);
    assert.equal(checked.code, 0);
  });

  it('moves the robot once the phone is paired at the console, without a restart of the agent', async () => {
    const key = JSON.stringify(anna.paired.jwk);
    const wrong = await cli('pair', 'add', '--key', key, '--name', 'Anna’s phone', '--fingerprint', shownFingerprint('A'.repeat(43)));
    assert.equal(wrong.code, 2, wrong.output);
    const paired = await cli('pair', 'add', '--key', key, '--name', 'Anna’s phone', '--fingerprint', shownFingerprint(anna.kid));
    assert.equal(paired.code, 0, paired.output);
    const moves = robot.moves();
    const command = await signedDrive();
    const { thing: _, ...body } = command;
    const given = await ask<{ id: string }>('/commands', body);
    assert.equal(given.id, command.id);
    await moves;
    await robot.stands();
    const { status } = await eventually(
      () => ask<{ status: string }>(`/commands/${given.id}`),
      (found) => found.status !== 'pending',
    );
    assert.equal(status, 'done');
    await robot.bench.status(({ problems }) => problems.every(({ code }) => code !== 'no_family_key'));
  });

  it('is refused if the cloud or the broker changes, forges, repeats or delays it, and nothing reaches the robot', async () => {
    let isMoved = false;
    const moved = robot.peer
      .next(CMD_VEL, () => true, 60_000)
      .then(
        () => {
          isMoved = true;
        },
        () => {},
      );
    const good = await signedDrive({ args: { linear: 0 } });
    const CHANGED = /^rejected not_allowed signature: the signature does not fit the command/;
    assert.match(refusalOf(await smuggle({ ...good, args: { linear: 0.3 } })), CHANGED);
    const { sig } = await signedDrive();
    const now = Date.now();
    assert.match(refusalOf(await smuggle({ ...good, id: 'again', sig })), CHANGED);
    assert.match(refusalOf(await smuggle({ ...good, id: 'longer', expires_at: now + 9_000 })), CHANGED);
    assert.match(refusalOf(await smuggle({ ...good, id: 'bare', sig: undefined })), /signature: missing/);
    const eve = await phone('ES256', 'Eve');
    assert.match(refusalOf(await smuggle(await eve.sign({ ...good, id: 'eve' }))), /is not paired with this robot/);
    const late = await signedDrive({ id: 'late', issued_at: now - 10_000, expires_at: now - 5_000 });
    assert.match(refusalOf(await smuggle(late)), /^expired/);
    assert.equal(isMoved, false);
    // A stop needs no signature. It is the message that ends the wait.
    await robot.caller.send('stop');
    await moved;
    assert.equal(isMoved, true);
  });

  it('is not repeated', async () => {
    const before = (await askStatus(robot.bench.stateDir)).commands.duplicate ?? 0;
    const command = await signedDrive();
    assert.equal((await smuggle(command)).status, 'done');
    await robot.caller.sendRaw(JSON.stringify(command));
    await robot.bench.status(({ commands }) => (commands.duplicate ?? 0) === before + 1);
  });

  it('is refused at once after the key was revoked, and while the file of the keys is damaged', async () => {
    const file = join(robot.bench.stateDir, FAMILY_KEYS_FILE);
    writeFileSync(file, 'x');
    assert.match(
      refusalOf(await smuggle(await signedDrive())),
      /signature: the robot’s family keys can’t be used: its content is not valid/,
    );
    await robot.bench.status(({ problems }) => problems.some(({ code }) => code === 'family_keys_damaged'));
    writeFileSync(file, '{"version":1,"keys":[]}');
    const key = JSON.stringify(anna.paired.jwk);
    await cli('pair', 'add', '--key', key, '--name', 'Anna’s phone', '--fingerprint', shownFingerprint(anna.kid));
    assert.equal((await smuggle(await signedDrive())).status, 'done');
    const revoked = await cli('pair', 'revoke', 'Anna’s phone');
    assert.equal(revoked.code, 0, revoked.output);
    assert.match(refusalOf(await smuggle(await signedDrive())), /signature: no family key is paired/);
  });
});
