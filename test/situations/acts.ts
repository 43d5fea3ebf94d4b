// The steps of which most situations consist.
import assert from 'node:assert/strict';
import { ROW_CLASSES, type RowClass } from '../../src/outbox/index.ts';
import type { ProblemCode } from '../../src/status/index.ts';
import type { UplinkOptions } from '../../src/uplink/index.ts';
import type { Receipt } from '../../src/wire/index.ts';
import type { Wire } from '../support/packetServer.ts';
import type { Script } from '../support/scriptedBroker.ts';
import { until } from '../support/until.ts';
import type { UplinkBench } from '../support/uplink.ts';
import type { Situation } from './situation.ts';
import type { Stage } from './stage.ts';

/** Raises an alert. */
export function raiseAlert({ outbox }: UplinkBench, channel = 'fall'): void {
  outbox.append({ class: 'alert', channel, value: true, extra: { alert: 'raised' } });
  outbox.flush();
}

/** Waits until the agent has raised this problem with a text that fits. */
export async function raises({ texts, raised }: UplinkBench, code: ProblemCode, says = /./): Promise<void> {
  const explain = () => `${[...new Set(raised)].join(', ')}: ${texts.get(code)}`;
  await until(() => says.test(texts.get(code) ?? ''), `${code} is raised: ${says}`, { explain });
}

/** Waits until the broker has acknowledged every row. */
export async function acknowledged({ outbox, uplink }: UplinkBench): Promise<void> {
  const isWaiting = (rowClass: RowClass) => outbox.hasFree(rowClass) || outbox.isInFlight(rowClass);
  const waiting = () => [...ROW_CLASSES.filter(isWaiting), ...outbox.unwritten.map(({ row }) => row.class)];
  const explain = () => `${waiting().join(', ')}: ${JSON.stringify(uplink.status())}`;
  await until(() => waiting().length === 0, 'the broker has acknowledged every row', { explain, patienceMs: 60_000 });
}

/** Waits until the broker has acknowledged every row. No row was evicted. */
export async function deliversAll(agent: UplinkBench): Promise<void> {
  await acknowledged(agent);
  assert.deepEqual(agent.outbox.counts.evictedBy, { age: 0, space: 0, poison: 0, released: 0 });
}

/** Waits until the problem has ended. */
export async function clears({ present }: UplinkBench, code: ProblemCode): Promise<void> {
  await until(() => !present.has(code), `${code} is cleared`);
}

/** Waits until the broker has acknowledged this agent's presence. */
export async function connects({ uplink }: UplinkBench): Promise<void> {
  await until(() => uplink.status().acknowledged.includes('elderly_bot/presence'), 'the agent is connected');
}

/** A receipt of the cloud for the alert that the bench's first outbox begins with. */
export function receipt(over: Partial<Receipt> = {}): string {
  const covered = { accepted: 1, through: 1, after: 0, to: null, also: [] };
  return JSON.stringify({ thing: 'elderly-bot', outbox: 'box', at: Date.now(), mark: [1, 0], ...covered, ...over });
}

/** Starts a broker with a client that publishes on the robot's topic of receipts. */
export async function cloudBehind(stage: Stage): Promise<{ readonly port: number; readonly send: (payload: string) => void }> {
  let wire: Wire | undefined;
  const { port } = await stage.broker({
    onSubscribe: (subscriber) => {
      wire = subscriber;
      return true;
    },
  });
  const send = (payload: string) =>
    wire?.send({ cmd: 'publish', topic: 'elderly_bot/receipts', payload, qos: 0, dup: false, retain: false });
  return { port, send };
}

/**
 * Plays a broker that behaves like this until the row's problem is raised, and then works: the alert that waits arrives once, and the
 * problem ends.
 * @param says the text of the problem.
 */
export function badBroker(script: Script, says: RegExp, over: Partial<UplinkOptions> = {}): Situation['play'] {
  return async (stage) => {
    const broker = await stage.broker(script);
    const agent = stage.agent(broker.port, over);
    raiseAlert(agent);
    await raises(agent, stage.problem, says);
    broker.behave({});
    await deliversAll(agent);
    await clears(agent, stage.problem);
    assert.equal(broker.taken.get('box/1'), 1);
  };
}

/**
 * Plays a broker that does not answer: the problem stands without a gap through the next attempts, and ends once the broker answers. The
 * alert arrives.
 * @param over the deadlines. The one that the broker exceeds is the shorter one, because the problem ends after the longer one.
 */
export function silentBroker(script: Script, over: Partial<UplinkOptions>): Situation['play'] {
  return async (stage) => {
    const broker = await stage.broker(script);
    const agent = stage.agent(broker.port, over);
    raiseAlert(agent);
    await raises(agent, stage.problem, /^.* within [0-9.]+ s$/);
    const { connects } = broker;
    let gaps = 0;
    await until(() => {
      if (!agent.present.has(stage.problem)) gaps++;
      return broker.connects >= connects + 3;
    }, 'the agent has tried again');
    assert.equal(gaps, 0, 'the problem did not stand all the time');
    assert.deepEqual([...new Set(agent.raised)], [stage.problem]);
    broker.behave({});
    await deliversAll(agent);
    await clears(agent, stage.problem);
  };
}

/** Appends the rows of a busy robot: many channels whose latest values do not fit into a small packet, results and an alert. */
export function busyRobot({ outbox }: UplinkBench): void {
  for (let i = 0; i < 2_000; i++) outbox.append({ class: 'telemetry', channel: `channel_number_${i % 150}`, value: `value ${i}` });
  for (let i = 0; i < 20; i++) outbox.append({ class: 'result', body: { kind: 'result', id: `c${i}`, status: 'done' } });
  outbox.append({ class: 'alert', channel: 'fall', value: true, extra: { alert: 'raised' } });
  outbox.flush();
}

/** The window of the bench's uplink, with its slots for alerts. */
const MOST_IN_FLIGHT = 24;

/** Plays a broker that misbehaves while readings and alerts are sent: in the end it has acknowledged each row, and the window has held. */
export function underLoad(script: Script, over: Partial<UplinkOptions> = {}): Situation['play'] {
  return async (stage) => {
    const broker = await stage.broker(script);
    const agent = stage.agent(broker.port, over);
    for (let i = 0; i < 60; i++) {
      agent.outbox.append({ class: 'telemetry', channel: 'temperature', value: i });
      if (i % 10 !== 0) continue;
      const { published } = broker;
      raiseAlert(agent);
      await until(() => broker.published > published, 'the agent sends');
    }
    await deliversAll(agent);
    assert.equal(broker.taken.size, agent.outbox.accepted);
    assert.ok(broker.mostInFlight <= MOST_IN_FLIGHT, `${broker.mostInFlight} messages in flight`);
  };
}
