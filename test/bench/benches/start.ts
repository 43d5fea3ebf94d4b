// Measures the time from the start of the process to the first delivered alert. Publisher and subscriber already run, so a robot is blind
// for this time after a restart.
import type { Bench, Context, Findings } from '../bench.ts';
import { type Bridge, startBridge, startLoad } from '../bridges.ts';
import { median, shuffled } from '../figures.ts';
import { ALARM, MQTT_TOPIC } from '../rig.ts';

const RATE = 200;
const SECONDS = 4;
const COMPARED: readonly Bridge[] = ['agent', 'rclpy_paho', 'rclnodejs_mqttjs'];

interface Start {
  readonly matchedMs: number;
  readonly deliveredMs: number;
}

async function startOne({ rig }: Context, bridge: Bridge): Promise<Start> {
  const subscriber = rig.node('subscriber.mjs', [ALARM.channel, MQTT_TOPIC]);
  await subscriber.event('connected');
  const { program: publisher } = startLoad(rig, ALARM, { rate: RATE, seconds: SECONDS, more: ['--unmatched'] });
  await publisher.event('ready');
  const spawnedNs = Number(process.hrtime.bigint());
  const program = startBridge(rig, bridge, ALARM);
  const [matched, first] = await Promise.all([publisher.event('matched'), subscriber.event('first')]);
  await publisher.event('done');
  publisher.order('enough');
  for (const each of [program, subscriber, publisher]) await rig.end(each);
  const since = (ns: unknown) => (Number(ns) - spawnedNs) / 1e6;
  return { matchedMs: since(matched.ns), deliveredMs: since(first.ns) };
}

export const start: Bench = {
  name: 'start',
  what: 'from the start of the process to the first alert delivered',
  run: async (context): Promise<Findings> => {
    const starts = new Map<Bridge, Start[]>(COMPARED.map((bridge) => [bridge, []]));
    for (let round = 0; round < context.rounds; round++) {
      for (const bridge of shuffled(COMPARED, context.seed + round)) {
        const one = await startOne(context, bridge);
        starts.get(bridge)?.push(one);
        context.say(
          `round ${round + 1} ${bridge}: matched after ${one.matchedMs.toFixed(0)} ms, delivered after ${one.deliveredMs.toFixed(0)} ms`,
        );
      }
    }
    const of = (bridge: Bridge) => ({
      matched_ms: median((starts.get(bridge) ?? []).map((one) => one.matchedMs)),
      delivered_ms: median((starts.get(bridge) ?? []).map((one) => one.deliveredMs)),
    });
    const [agent, rclpy] = [of('agent'), of('rclpy_paho')];
    const ratios = { subscribed: agent.matched_ms / rclpy.matched_ms, delivered: agent.delivered_ms / rclpy.delivered_ms };
    return {
      figures: { bridges: Object.fromEntries(COMPARED.map((bridge) => [bridge, of(bridge)])), ratios },
      targets: [
        { name: 'subscribed / rclpy + paho', value: ratios.subscribed, atMost: 1.1, stretch: 0.8 },
        { name: 'first alert delivered / rclpy + paho', value: ratios.delivered, atMost: 1.1, stretch: 0.8 },
      ],
    };
  },
};
