// Connections that keep ending, and the cause that the agent infers: another robot with its name, a broker that crashes, a proxy with timeouts.
import assert from 'node:assert/strict';
import { Cable } from '../../scripts/lab/cable.ts';
import { mosquittoUnavailable } from '../support/mosquitto.ts';
import { until } from '../support/until.ts';
import type { UplinkBench } from '../support/uplink.ts';
import { deliversAll, raiseAlert } from './acts.ts';
import type { Situation } from './situation.ts';
import type { Stage } from './stage.ts';

const skip = mosquittoUnavailable();

const codes = ({ problems }: UplinkBench) => problems.standing().map(({ code }) => code);
const connected = (agent: UplinkBench) => until(() => agent.uplink.status().state === 'connected', 'the agent connects');
/** Some causes need several losses, and the agent waits before each. */
const PATIENCE = { patienceMs: 90_000 };

/** Many losses take less time with a short backoff. */
const QUICK = { backoff: { minMs: 5, spreadMs: 50, maxMs: 50 } };

const named = (agent: UplinkBench, stage: Stage) =>
  until(() => codes(agent).includes(stage.problem), `${stage.problem} is raised`, PATIENCE);

/** A relay before a real Mosquitto. */
async function relayed(stage: Stage): Promise<Cable> {
  const cable = new Cable((await stage.mosquitto()).port);
  await cable.plug();
  stage.atEnd(() => cable.pull());
  return cable;
}

export const losses: readonly Situation[] = [
  {
    situation:
      'Two robots have the same name, as after the copy of an SD card, and the broker closes the older connection without a reason.',
    reaction:
      'After five irregular ends of working connections, the agent waits for minutes before it connects again, but not for an alert. It ends after 10 minutes without a loss.',
    problem: 'client_id_taken',
    also: ['mqtt_ended'],
    skip,
    play: async (stage) => {
      const { port } = await stage.mosquitto();
      // Each connection lasts for the other agent's backoff, which has to be long enough for the first answers.
      const options = { backoff: { minMs: 500, spreadMs: 1_000, maxMs: 4_000 } };
      const [first, second] = [stage.agent(port, options), stage.agent(port, options)];
      await until(() => [first, second].some((agent) => codes(agent).includes(stage.problem)), 'an agent raises the problem', PATIENCE);
      const [yielding, staying] = codes(first).includes(stage.problem) ? [first, second] : [second, first];
      assert.match(yielding.texts.get(stage.problem) ?? '', /connections of elderly-bot .* another client connects with this name/);
      await until(() => yielding.uplink.status().state === 'waiting', 'the agent waits');
      await connected(staying);
      yielding.outbox.append({ class: 'alert', channel: 'fall', value: true, extra: { alert: 'raised' } });
      yielding.outbox.flush();
      await until(() => !yielding.outbox.hasFree('alert') && !yielding.outbox.isInFlight('alert'), 'the alert is delivered');
      assert.ok(codes(yielding).includes(stage.problem), 'a new connection alone does not clear the problem');
    },
  },
  {
    situation: 'Two robots have the same name, and the broker reports each takeover (DISCONNECT 0x8E).',
    reaction: 'The same after the third report.',
    problem: 'client_id_taken',
    also: ['mqtt_ended'],
    play: async (stage) => {
      const broker = await stage.broker({
        onPublish: (_packet, wire) => {
          setTimeout(() => {
            wire.send({ cmd: 'disconnect', reasonCode: 0x8e });
            wire.cut();
          }, 20);
          return true;
        },
      });
      const agent = stage.agent(broker.port, QUICK);
      await named(agent, stage);
      assert.equal(broker.connects, 3);
      assert.match(agent.texts.get(stage.problem) ?? '', /the broker reports repeatedly that another client took over/);
    },
  },
  {
    situation: 'The broker crashes again and again.',
    reaction: 'The agent reconnects with backoff, and never suspects another robot. It ends once a connection lasts.',
    problem: 'broker_restarts',
    // A topic that was in flight at each crash looks denied until its next acknowledgement, for less than the 5 s after which it would be shown.
    also: ['mqtt_ended', 'broker_refused_connection', 'broker_hung_up', 'publish_refused', 'subscribe_refused'],
    skip,
    play: async (stage) => {
      const broker = await stage.mosquitto();
      const agent = stage.agent(broker.port, QUICK);
      while (!agent.raised.includes(stage.problem)) {
        await connected(agent);
        await broker.kill();
        await broker.restart();
      }
      assert.match(agent.texts.get(stage.problem) ?? '', /localhost:\d+ ended the last \d connections and then refused new ones/);
      await connected(agent);
      assert.deepEqual(codes(agent), [stage.problem], 'it stands until a connection lasts');
    },
  },
  {
    situation: 'The broker accepts each connection and closes it before it answers anything.',
    reaction: 'The agent reconnects with growing pauses, and after 10 s for an alert. It ends once a connection lasts for a minute.',
    problem: 'mqtt_ended',
    // An exact time looks like a limit.
    also: ['connection_time_limit'],
    play: async (stage) => {
      const broker = await stage.broker({
        onConnect: (wire, connects) => {
          setTimeout(() => wire.cut(), 10 * (1 + (connects % 7)));
          return true;
        },
        onPublish: () => false,
        onSubscribe: () => false,
      });
      const agent = stage.agent(broker.port, QUICK);
      raiseAlert(agent);
      await until(() => codes(agent).length > 0, 'the operator sees a problem although the agent connects again and again', PATIENCE);
      broker.behave({});
      await deliversAll(agent);
    },
  },
  {
    situation: 'A proxy or a router closes connections that are idle for a few seconds.',
    reaction: 'The agent finds the time and pings more often for the rest of the run, so that its connections last.',
    problem: 'idle_connections_cut',
    also: ['mqtt_ended'],
    skip,
    play: async (stage) => {
      const cable = await relayed(stage);
      const idleMs = 6_000;
      cable.idleTimeoutMs = idleMs;
      const agent = stage.agent(cable.port, { ...QUICK, intervalMs: 3_600_000, keepaliveMs: 60_000 });
      await named(agent, stage);
      assert.match(agent.texts.get(stage.problem) ?? '', /closes connections that are idle for 6 s; the agent now pings after 5 s/);
      await connected(agent);
      const { connects } = agent.uplink.status();
      await until(() => agent.uplink.status().since_ms > 2 * idleMs, 'the connection lasts', PATIENCE);
      assert.equal(agent.uplink.status().connects, connects);
      assert.deepEqual(codes(agent), [stage.problem]);
    },
  },
  {
    situation: 'A proxy or a router closes each connection after the same time, although it is in use.',
    reaction: 'The agent reconnects after a short wait, and sends the messages without an acknowledgement again.',
    problem: 'connection_time_limit',
    also: ['mqtt_ended'],
    skip,
    play: async (stage) => {
      const cable = await relayed(stage);
      cable.timeLimitMs = 2_500;
      const agent = stage.agent(cable.port, QUICK);
      const publishing = setInterval(() => {
        agent.outbox.append({ class: 'telemetry', channel: 'temperature', value: Math.random() });
      }, 300);
      stage.atEnd(() => clearInterval(publishing));
      await named(agent, stage);
      assert.match(agent.texts.get(stage.problem) ?? '', /each connection to localhost:\d+ ends 2\.\d s after it was made/);
    },
  },
];
