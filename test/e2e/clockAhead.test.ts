// The clock of a robot was 20 days ahead, which the broker's certificate cannot show. The next run has the true time: it refuses commands,
// sends alerts, says why, and recovers by itself once the cloud or a time service confirms the time.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, afterEach, before, describe, it } from 'node:test';
import { claimDomain, type RosDomain } from '../../scripts/lab/domain.ts';
import { AGENT, type Program } from '../../scripts/lab/program.ts';
import type { Status } from '../../src/status/index.ts';
import { type Result, result, telemetry } from '../../src/wire/index.ts';
import { FakeClock, fakeClockMissing } from '../faults/fakeClock.ts';
import { Bench, THING } from '../support/bench.ts';
import { findMosquitto } from '../support/mosquitto.ts';
import { RosPeer, rosUnavailable } from '../support/ros.ts';
import { Tap } from '../support/tap.ts';
import { fakeTimeService } from '../support/timeService.ts';
import { eventually, until } from '../support/until.ts';

const DAY_S = 86_400;
const BOOL = 'std_msgs/msg/Bool';
const BUZZER = '/buzzer_command';
const FALL = '/fall_detected';
const TEMPERATURE = '/jetson_temperature';

const skip = rosUnavailable() || fakeClockMissing() || (findMosquitto() ? false : 'no Mosquitto: apt-get install mosquitto');

describe('a robot whose clock was 20 days ahead', { skip, timeout: 300_000 }, () => {
  let domain: RosDomain;
  let bench: Bench;
  let peer: RosPeer;
  let tap: Tap;
  /** The file with the answer of the robot's time service. If it is empty, the machine does not say. */
  let answer: string;

  const knownMs = () => (JSON.parse(readFileSync(join(bench.stateDir, 'lifetime.json'), 'utf8')) as { wall_ms: number }).wall_ms;
  const answers = (lines: string) => writeFileSync(answer, lines);
  const start = (env: NodeJS.ProcessEnv = {}): Program => bench.agent({ ...fakeTimeService(bench.folder, `cat ${answer}`), ...env });
  const isNamed = ({ problems }: Status) => problems.some(({ code }) => code === 'clock_untrusted');
  const cli = (...args: string[]) => {
    const env = bench.robotEnv(fakeTimeService(bench.folder, `cat ${answer}`));
    return spawnSync(AGENT, [...args, '--config', bench.configFile], { encoding: 'utf8', env }).stdout;
  };

  /** One run with a clock that is 20 days ahead and a connection to the broker, but without the cloud. */
  const runAhead = async () => {
    answers('');
    const time = new FakeClock(join(bench.folder, 'clock'));
    time.set(20 * DAY_S);
    const agent = start(time.env());
    await bench.status(({ link }) => link.state === 'connected');
    await until(() => agent.lines.some(({ event }) => event === 'connected'), 'the agent is connected');
    // The agent looks at its clock every 5 s, and writes what it saw when it stops.
    await bench.status(({ link }) => link.since_ms > 6_000);
    assert.equal(await agent.stop(), 0);
    assert.ok(knownMs() > Date.now() + 19.9 * DAY_S * 1_000, 'the run has seen a time 20 days ahead');
  };

  /** Sends a buzzer command as the cloud would. */
  const send = async (id: string, issuedMs: number) => {
    const body = { id, thing: THING, command: 'buzzer', value: true, issued_at: issuedMs, expires_at: issuedMs + 30_000 };
    const sender = [...bench.mosquittoArguments(), '-t', 'elderly_bot/commands', '-m', JSON.stringify(body)];
    await bench.run('sender', 'mosquitto_pub', sender).exited;
  };

  const resultsOf = (id: string): Result[] =>
    tap.messages
      .filter(({ channel }) => channel === 'results')
      .map(({ payload }) => result.parse(JSON.parse(payload.toString())))
      .filter((each) => each.id === id);

  const command = async (id: string, issuedMs = Date.now()): Promise<Result | undefined> => {
    await send(id, issuedMs);
    const [first] = await eventually(
      () => resultsOf(id),
      (found) => found.length > 0,
      `${id} has a result`,
    );
    return first;
  };

  /** Sends a command again that has run in this or an earlier run. */
  const repeat = async (id: string) => {
    await send(id, Date.now());
    await bench.status(({ commands }) => commands.duplicate === 1);
    assert.equal(new Set(resultsOf(id).map(({ seq }) => seq)).size, 1, 'a repeated command has no second result');
  };

  /** Publishes on the channel `fall`. @returns the further facts about the value that the broker has. */
  const fall = async (value: boolean) => {
    const from = tap.messages.length;
    await peer.publish(FALL, BOOL, { data: value });
    const rows = () =>
      tap.messages
        .slice(from)
        .filter(({ channel }) => channel === 'telemetry')
        .flatMap(({ payload }) => telemetry.parse(JSON.parse(payload.toString())).readings)
        .filter(([, , channel]) => channel === 'fall');
    const [row] = await eventually(rows, (found) => found.length > 0, 'the fall is at the broker');
    return row?.[4];
  };

  before(async () => {
    domain = await claimDomain();
    bench = await Bench.start();
    answer = join(bench.folder, 'answer');
    tap = await Tap.start(bench);
    peer = await RosPeer.start();
    await peer.advertise(FALL, BOOL);
    await peer.advertise(TEMPERATURE, 'sensor_msgs/msg/Temperature');
    await peer.subscribe(BUZZER, BOOL);
  });

  afterEach(() => bench.endPrograms());

  after(async () => {
    await peer?.close();
    await tap?.stop();
    await bench?.stop();
    await domain?.release();
  });

  it('refuses commands, sends alerts and says why, and the cloud’s time corrects it for good', async () => {
    await runAhead();
    let agent = start();
    await agent.event('connected');
    for (const topic of [FALL, TEMPERATURE, BUZZER]) await peer.matched(topic);

    const { problems, clock } = await bench.status(isNamed, 60_000);
    assert.equal(clock.trusted, false);
    const text = problems.find(({ code }) => code === 'clock_untrusted')?.text ?? '';
    assert.match(text, /^the clock shows [\d-]+, but this robot has already seen [\d-]+ [\d:]+ UTC; no alert waits/);
    assert.match(cli('status'), /CLOCK NOT TRUSTED: the clock shows .* already seen[\s\S]*remedy: sudo timedatectl set-ntp true/);
    assert.match(cli('doctor'), /clock +[\s\S]*already seen/);
    assert.deepEqual((await command('early'))?.reason, 'clock_untrusted');
    assert.equal((await fall(true))?.clock, 'untrusted');

    const cloud = await bench.cloud({ folder: join(bench.folder, 'database') });
    await peer.publish(TEMPERATURE, 'sensor_msgs/msg/Temperature', { temperature: 21 });
    const right = await bench.status((status) => status.clock.trusted && !isNamed(status));
    assert.equal(right.clock.confirmed_by, 'cloud');
    assert.equal((await command('fresh'))?.status, 'done');
    assert.equal((await command('late', Date.now() - 60_000))?.status, 'expired');
    assert.equal((await command('old', Date.now() - 19 * DAY_S * 1_000))?.status, 'expired');
    await repeat('fresh');
    assert.equal((await fall(false))?.clock, undefined);
    // The family's side learns the true time of the fall.
    await until(() => tap.messages.some(({ payload }) => payload.includes('"kind":"clock_set"')), 'the robot declares the true time');
    assert.equal(await agent.stop(), 0);
    await cloud.stop();
    assert.ok(Math.abs(knownMs() - Date.now()) < 60_000, 'the known time is right again');

    agent = start();
    await agent.event('connected');
    await peer.matched(BUZZER);
    const next = await bench.status(({ link }) => link.since_ms > 6_000);
    assert.deepEqual([next.clock.trusted, next.clock.confirmed_by], [true, null]);
    await repeat('fresh');
    assert.equal((await command('old-again', Date.now() - 19 * DAY_S * 1_000))?.status, 'expired');
    await agent.stop();
  });

  it('recovers without a cloud once the time service has synchronised the clock', async () => {
    await runAhead();
    answers('NTP=yes\nNTPSynchronized=no\n');
    const agent = start();
    await agent.event('connected');
    const { clock } = await bench.status((status) => /not synchronised/.test(status.clock.distrust ?? ''));
    assert.equal(clock.trusted, false);
    assert.match(cli('doctor'), /time service runs, so find out why no time server answers/);
    answers('NTP=yes\nNTPSynchronized=yes\n');
    const right = await bench.status((status) => status.clock.trusted && !isNamed(status));
    assert.equal(right.clock.confirmed_by, 'time_service');
    await bench.status(({ uptime_ms: uptime }) => uptime > right.uptime_ms + 6_000);
    await agent.stop();
    assert.ok(Math.abs(knownMs() - Date.now()) < 60_000);
  });

  it('does not remember a time that the time service has not confirmed yet', async () => {
    const before = knownMs();
    answers('NTP=yes\nNTPSynchronized=no\n');
    const time = new FakeClock(join(bench.folder, 'clock'));
    time.set(20 * DAY_S);
    const agent = start(time.env());
    await agent.event('connected');
    await bench.status(({ link, clock }) => link.since_ms > 6_000 && !clock.trusted);
    await agent.stop();
    assert.equal(knownMs(), before);
  });
});
