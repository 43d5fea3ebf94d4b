// The robot's clock: it was ahead, is not synchronised yet, or differs from the cloud's.
import assert from 'node:assert/strict';
import { watchClock } from '../../src/agent/health/watches.ts';
import { type SystemClock, systemClock, type TimeService } from '../../src/clock/index.ts';
import { DAY_MS } from '../../src/identity/index.ts';
import { until } from '../support/until.ts';
import type { UplinkBench } from '../support/uplink.ts';
import { clears, cloudBehind, connects, deliversAll, raiseAlert, raises, receipt } from './acts.ts';
import type { Situation } from './situation.ts';
import type { Stage } from './stage.ts';

/** The clock of a robot, and its time service. */
class Time {
  aheadMs = 0;
  service: TimeService = 'off';
  readonly clock: SystemClock;

  constructor(knownMs = 0) {
    this.clock = systemClock(knownMs, { wall: () => Date.now() + this.aheadMs, ask: async () => this.service });
  }

  /** Lets the agent look at its clock once. It does so every 5 s. */
  async look({ problems, uplink }: UplinkBench): Promise<void> {
    await this.clock.ask();
    watchClock({ clock: this.clock, problems, uplink, lifetime: { setKnownTime: () => {} } }, () => {}).stop();
  }

  /** A receipt of the cloud with the time now. */
  receipt(): string {
    return receipt({ sent_at: Date.now(), mark: [1, this.clock.mono()] });
  }
}

/** Starts an agent with this clock beside a cloud. Its alert arrives, whatever the clock shows. */
async function deliversBeside(stage: Stage, time: Time) {
  const { port, send } = await cloudBehind(stage);
  const agent = stage.agent(port, { clock: time.clock, onCloudTime: (...heard) => time.clock.hear(...heard) });
  await connects(agent);
  await time.look(agent);
  raiseAlert(agent);
  await deliversAll(agent);
  return { agent, send };
}

/** Sends the cloud's time, and lets the agent look at its clock once it has the receipt. */
async function hears(agent: UplinkBench, time: Time, send: (payload: string) => void): Promise<void> {
  send(time.receipt());
  await until(() => agent.outbox.unconfirmed === 0, 'the agent has the receipt');
  await time.look(agent);
}

/** Plays a clock that was ahead in an earlier run until `confirm` shows that the present time is right. */
function wasAhead(confirm: (agent: UplinkBench, time: Time, send: (payload: string) => void) => Promise<void>): Situation['play'] {
  return async (stage) => {
    const time = new Time(Date.now() + 20 * DAY_MS);
    const { agent, send } = await deliversBeside(stage, time);
    await raises(agent, stage.problem, /this robot has already seen .*; no alert waits/);
    // The broker's certificate is valid at this time too, but that says nothing.
    await time.look(agent);
    assert.ok(agent.present.has(stage.problem));
    await confirm(agent, time, send);
    await clears(agent, stage.problem);
    assert.ok(Math.abs(time.clock.knownMs - Date.now()) < 60_000);
  };
}

export const clock: readonly Situation[] = [
  {
    situation: 'The clock was 20 days ahead in an earlier run, and is right again.',
    reaction:
      'The agent sends alerts, but refuses commands that move the robot, because the clock shows a time before one that it has seen. A receipt of the cloud ends that, also for later runs.',
    problem: 'clock_untrusted',
    play: wasAhead(hears),
  },
  {
    situation: 'The clock was 20 days ahead in an earlier run, and a time service sets it.',
    reaction: 'The same, until the time service says that the clock is synchronised.',
    problem: 'clock_untrusted',
    play: wasAhead(async (agent, time) => {
      time.service = 'synchronised';
      await time.look(agent);
    }),
  },
  {
    situation: 'A time service runs, but has not synchronised the clock, because UDP port 123 is blocked.',
    reaction:
      'The agent sends alerts with an untrusted time, and refuses commands that move the robot, until a receipt of the cloud confirms the time.',
    problem: 'clock_untrusted',
    play: async (stage) => {
      const time = new Time();
      time.service = 'unsynchronised';
      const { agent, send } = await deliversBeside(stage, time);
      await raises(agent, stage.problem, /the time service has not synchronised it/);
      await hears(agent, time, send);
      await clears(agent, stage.problem);
    },
  },
  {
    situation: 'The clock is a day ahead of the cloud’s, and no time service runs.',
    reaction:
      'The first receipt shows it. The agent sends alerts, refuses commands that move the robot, and forgets the wrong time. The problem ends when the clock is right.',
    problem: 'clock_untrusted',
    play: async (stage) => {
      const time = new Time();
      time.aheadMs = DAY_MS;
      const { agent, send } = await deliversBeside(stage, time);
      await hears(agent, time, send);
      await raises(agent, stage.problem, /24 h ahead of the cloud’s/);
      assert.ok(time.clock.knownMs < Date.now() + 60_000);
      time.aheadMs = 0;
      await time.look(agent);
      await clears(agent, stage.problem);
    },
  },
  {
    situation: 'The time service loses its servers after it has synchronised the clock.',
    reaction: 'The agent continues to trust the clock until it is set, because quartz drifts by seconds a day.',
    problem: null,
    play: async (stage) => {
      const time = new Time();
      time.service = 'synchronised';
      const { agent } = await deliversBeside(stage, time);
      time.service = 'unsynchronised';
      time.clock.update(true);
      assert.deepEqual(time.clock.trust, { trusted: true, by: 'time_service' });
      assert.deepEqual(agent.raised, []);
    },
  },
  {
    situation: 'The certificate of the broker is not valid at the time of a clock that is not synchronised.',
    reaction: 'The agent blames the clock and not the certificate, and tries again with backoff.',
    problem: 'clock_wrong',
    play: async (stage) => {
      const time = new Time();
      time.service = 'unsynchronised';
      await time.clock.ask();
      const tomorrow = { notBefore: new Date(Date.now() + DAY_MS), notAfter: new Date(Date.now() + 9 * DAY_MS) };
      const broker = await stage.files.authority.issue(stage.folder(), 'broker', {
        ...{ name: 'localhost', server: true, hosts: ['localhost'] },
        ...tomorrow,
      });
      const wrong = await stage.broker({}, { files: { ...stage.files, broker } });
      const { port } = wrong;
      const agent = stage.agent(port, { clock: time.clock });
      raiseAlert(agent);
      await raises(agent, stage.problem);
      await wrong.stop();
      await stage.broker({}, { port });
      await deliversAll(agent);
      await clears(agent, stage.problem);
    },
  },
];
