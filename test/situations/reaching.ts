// The way to the broker: names, ports, and networks that do not answer.
import assert from 'node:assert/strict';
import { connectCause } from '../../src/uplink/index.ts';
import { openBlackHole } from '../support/blackHole.ts';
import { resolveIn } from '../support/network/resolving.ts';
import { networkMissing } from '../support/network/robotNetwork.ts';
import { freePort } from '../support/ports.ts';
import { until } from '../support/until.ts';
import type { UplinkBench } from '../support/uplink.ts';
import { clears, deliversAll, raiseAlert, raises } from './acts.ts';
import type { Situation } from './situation.ts';
import type { Stage } from './stage.ts';

/** No situation lasts this long: a connection before then was an early one. */
const BACKOFF_MS = 600_000;

/** A deadline that a busy machine does not exceed before it connects. */
const SHORT = { connectTimeoutMs: 1_000 };

const AGAIN = 'The agent tries again with backoff, and every 10 s while an alert waits.';

/** Starts an agent whose broker is away, and waits until it waits in a long backoff. `links` are those of its machine. */
async function waitingAgent(stage: Stage, links = new Set<string>()): Promise<{ agent: UplinkBench; port: number; reads: () => number }> {
  const port = await freePort();
  let reads = 0;
  const readLinks = () => {
    reads++;
    return new Set(links);
  };
  const agent = stage.agent(port, { backoff: { minMs: BACKOFF_MS, spreadMs: BACKOFF_MS, maxMs: BACKOFF_MS }, readLinks });
  await until(() => agent.uplink.status().state === 'waiting', 'the agent waits');
  return { agent, port, reads: () => reads };
}

/** Plays a machine on which the broker's name has no address. */
const unresolved =
  (resolvConf: string, server: 'listens' | 'absent', says: string): Situation['play'] =>
  async (stage) => {
    const { error } = await resolveIn(resolvConf, server);
    assert.equal(error?.text, says);
    stage.raised(
      connectCause(error?.reason, { trusted: () => true, wall: Date.now }, { notBeforeMs: 0, notAfterMs: Number.POSITIVE_INFINITY }),
    );
  };

const leftMs = ({ uplink }: UplinkBench) => uplink.status().next_attempt_ms ?? 0;

const assertWaits = (agent: UplinkBench) => assert.ok(leftMs(agent) > BACKOFF_MS - 60_000, `${leftMs(agent)}`);

export const reaching: readonly Situation[] = [
  {
    situation: 'The broker’s host name does not exist.',
    reaction: AGAIN,
    problem: 'broker_name_unknown',
    skip: networkMissing(),
    play: unresolved('nameserver 127.0.0.1\n', 'listens', 'the name servers know no address of broker.example'),
  },
  {
    situation: 'No name server answers.',
    reaction: `The agent uses the addresses that the broker had last. ${AGAIN} If it connects, the problem stands as a warning until a name server answers.`,
    problem: 'name_servers_silent',
    skip: networkMissing(),
    play: unresolved('nameserver 127.0.0.1\n', 'absent', 'the name server 127.0.0.1 did not resolve broker.example (/etc/resolv.conf)'),
  },
  {
    situation: 'The robot has no name server, such as after a start without a network.',
    reaction: `The text says that \`/etc/resolv.conf\` names none. The agent uses the addresses that the broker had last. ${AGAIN}`,
    problem: 'name_servers_silent',
    skip: networkMissing(),
    play: unresolved('# no network\n', 'absent', '/etc/resolv.conf names no name server, so broker.example cannot be resolved'),
  },
  {
    situation: 'No program listens on the broker’s port.',
    reaction: `${AGAIN} The problem ends with the next connection.`,
    problem: 'broker_refused_connection',
    play: async (stage) => {
      const port = await freePort();
      const agent = stage.agent(port);
      raiseAlert(agent);
      await raises(agent, stage.problem, /localhost at 127\.0\.0\.1:\d+: connection refused/);
      await stage.broker({}, { port });
      await deliversAll(agent);
      await clears(agent, stage.problem);
    },
  },
  {
    situation: 'A firewall drops the packets to the broker’s port.',
    reaction: 'The attempt ends after `mqtt.connect_timeout`. The agent tries again with backoff, and every 10 s while an alert waits.',
    problem: 'broker_unreachable',
    play: async (stage) => {
      const hole = await openBlackHole();
      stage.atEnd(() => hole.stop());
      const agent = stage.agent(hole.port, SHORT);
      raiseAlert(agent);
      await raises(agent, stage.problem, /: no answer within 1 s/);
    },
  },
  {
    situation: 'The connection is reset during the TLS handshake.',
    reaction: AGAIN,
    problem: 'broker_hung_up',
    play: async (stage) => {
      const agent = stage.agent(await stage.server((socket) => socket.once('data', () => socket.resetAndDestroy())));
      raiseAlert(agent);
      await raises(agent, stage.problem);
    },
  },
  {
    situation: 'The broker’s port closes each connection at once.',
    reaction: AGAIN,
    problem: 'broker_hung_up',
    play: async (stage) => {
      const agent = stage.agent(await stage.server((socket) => socket.end()));
      raiseAlert(agent);
      await raises(agent, stage.problem);
    },
  },
  {
    situation: 'The broker is away, and only readings, results and events wait.',
    reaction: 'The agent waits until its backoff ends. The status shows the time of the next attempt.',
    problem: 'broker_refused_connection',
    play: async (stage) => {
      const { agent } = await waitingAgent(stage);
      assertWaits(agent);
      agent.outbox.append({ class: 'telemetry', channel: 'temperature', value: 20 });
      agent.outbox.append({ class: 'result', body: { kind: 'result', id: 'c', status: 'done' } });
      agent.outbox.append({ class: 'event', body: { kind: 'last_words', cause: 'x', queued: 0, oldest_at: null } });
      agent.outbox.flush();
      assertWaits(agent);
    },
  },
  {
    situation: 'The broker is back, the agent waits for its next attempt, and an alert is raised.',
    reaction: 'The agent connects at once and delivers the alert.',
    problem: 'broker_refused_connection',
    play: async (stage) => {
      const { agent, port } = await waitingAgent(stage);
      const broker = await stage.broker({}, { port });
      raiseAlert(agent);
      await deliversAll(agent);
      assert.equal(broker.taken.get('box/1'), 1);
    },
  },
  {
    situation: 'An alert is raised while the broker is away, and the broker comes back later.',
    reaction: 'The agent makes an extra attempt every 10 s, and delivers the alert with the first that succeeds.',
    problem: 'broker_refused_connection',
    play: async (stage) => {
      const { agent, port } = await waitingAgent(stage);
      raiseAlert(agent);
      await until(() => agent.uplink.status().failures_in_a_row === 2, 'the extra attempt fails');
      assert.ok(leftMs(agent) <= 10_000, `${leftMs(agent)}`);
      await stage.broker({}, { port });
      await deliversAll(agent);
    },
  },
  {
    situation: 'A link of the robot goes down and comes up again while the agent waits.',
    reaction: 'The agent connects within 2 s after the link has a new address or a new default route.',
    problem: 'broker_refused_connection',
    play: async (stage) => {
      const links = new Set(['wlan0 10.0.0.2']);
      const { agent, port, reads } = await waitingAgent(stage, links);
      await stage.broker({}, { port });
      links.clear();
      const before = reads();
      await until(() => reads() > before + 1, 'the agent has seen that the link is down');
      assertWaits(agent);
      links.add('wwan0 10.0.0.3');
      await until(() => agent.uplink.status().state === 'connected', 'the agent connects');
    },
  },
];
