// The cloud behind the broker: receipts, and rows that no connection takes for long.
import assert from 'node:assert/strict';
import type { Wire } from '../support/packetServer.ts';
import { freePort } from '../support/ports.ts';
import { until } from '../support/until.ts';
import { acknowledged, clears, cloudBehind, connects, raiseAlert, raises, receipt } from './acts.ts';
import type { Situation } from './situation.ts';

const MIB = 1024 ** 2;

/** Plays a client that publishes this on the robot's topic of receipts, and then a receipt of the cloud. */
function badReceipt(payload: string, says: RegExp): Situation['play'] {
  return async (stage) => {
    const { port, send } = await cloudBehind(stage);
    const agent = stage.agent(port);
    await connects(agent);
    raiseAlert(agent);
    await acknowledged(agent);
    send(payload);
    await raises(agent, stage.problem, says);
    assert.equal(agent.outbox.unconfirmed, 1);
    send(receipt());
    await until(() => agent.outbox.unconfirmed === 0, 'the row is confirmed');
    await clears(agent, stage.problem);
  };
}

export const cloud: readonly Situation[] = [
  {
    situation: 'A receipt confirms rows that the robot never sent.',
    reaction: 'The agent ignores it and keeps its rows. The problem ends with the next correct receipt.',
    problem: 'receipt_invalid',
    play: badReceipt(receipt({ accepted: 99, through: 99 }), /beyond_accepted/),
  },
  {
    situation: 'A receipt confirms an alert that the broker has not acknowledged.',
    reaction: 'The agent keeps the alert until the broker acknowledges it, and sends it again if the connection ends before.',
    problem: 'receipt_doubtful',
    play: async (stage) => {
      let wire: Wire | undefined;
      const broker = await stage.broker({
        acknowledgesAfterMs: 1_000,
        onSubscribe: (subscriber) => {
          wire = subscriber;
          return true;
        },
      });
      const agent = stage.agent(broker.port);
      raiseAlert(agent);
      await until(() => wire !== undefined && broker.published > 0, 'the alert is sent');
      wire?.send({ cmd: 'publish', topic: 'elderly_bot/receipts', payload: receipt(), qos: 0, dup: false, retain: false });
      await raises(agent, stage.problem, /confirms 1 alert that the broker never acknowledged/);
      assert.equal(agent.outbox.unconfirmed, 1);
      await clears(agent, stage.problem);
      assert.equal(agent.outbox.unconfirmed, 0);
    },
  },
  {
    situation: 'A receipt is for another robot.',
    reaction: 'The agent ignores it and keeps its rows. The problem ends with the next correct receipt.',
    problem: 'receipt_invalid',
    play: badReceipt(receipt({ thing: 'another-robot' }), /for another-robot/),
  },
  {
    situation: 'A client publishes a text on the topic of receipts that is not a receipt.',
    reaction: 'The agent ignores it and keeps its rows. The problem ends with the next correct receipt.',
    problem: 'receipt_invalid',
    play: badReceipt('{"thing":"elderly-bot"', /does not have the shape of a receipt/),
  },
  {
    situation: 'The broker is away for so long that the outbox is full.',
    reaction: 'The agent evicts the oldest telemetry and keeps all alerts. It delivers the rest, and an event that names the evicted rows.',
    problem: 'broker_refused_connection',
    play: async (stage) => {
      const port = await freePort();
      const agent = stage.agent(port, { maxBytes: MIB });
      const { outbox } = agent;
      raiseAlert(agent, 'fall');
      const isFull = () => {
        for (let i = 0; i < 500; i++) outbox.append({ class: 'telemetry', channel: 'temperature', value: i });
        return outbox.counts.evictedBy.space > 0;
      };
      await until(isFull, 'the outbox is full', { everyMs: 30 });
      raiseAlert(agent, 'fire');
      await raises(agent, stage.problem);
      const broker = await stage.broker({}, { port });
      await acknowledged(agent);
      for (const channel of ['fall', 'fire'])
        assert.ok(broker.texts.some((text) => text.includes('"kind":"alert"') && text.includes(`"${channel}"`)));
      assert.ok(broker.texts.some((text) => text.includes('"evicted"') && text.includes('"space"')));
      const { space, ...others } = outbox.counts.evictedBy;
      assert.deepEqual(others, { age: 0, poison: 0, released: 0 });
      assert.equal(broker.taken.size, outbox.accepted - space);
    },
  },
];
