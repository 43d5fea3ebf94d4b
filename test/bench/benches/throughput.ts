// Finds the highest steady rate of a ladder at which a bridge loses no message.
import type { Bench, Context, Findings } from '../bench.ts';
import { BRIDGES, type Bridge, runBridge } from '../bridges.ts';
import { median, shuffled } from '../figures.ts';
import { LEVEL } from '../rig.ts';

const LADDER = [500, 1_000, 2_000, 4_000, 6_000, 8_000, 12_000, 16_000, 20_000];
const SECONDS = 2;

/** If the publisher falls behind by more than this, the run would measure the publisher. */
const KEPT_UP = 0.9;

/** @returns messages per second; if the bridge loses messages at the lowest rate, its delivered rate. */
async function climb({ rig, slowFsyncUs, say }: Context, bridge: Bridge): Promise<number> {
  let best = 0;
  for (const rate of LADDER) {
    const run = await runBridge(rig, bridge, { signal: LEVEL, rate, seconds: SECONDS, slowFsyncUs });
    say(`${bridge} at ${rate}/s: published ${run.rate.toFixed(0)}/s, ${run.lost} of ${run.sent} lost, CPU ${run.cpuPercent.toFixed(0)} %`);
    if (run.lost > 0) return best > 0 ? best : (run.rate * run.received) / run.sent;
    best = Math.max(best, run.rate);
    if (run.rate < rate * KEPT_UP) return best;
  }
  return best;
}

export const throughput: Bench = {
  name: 'throughput',
  what: 'the highest rate without loss, durable',
  run: async (context): Promise<Findings> => {
    const rates = new Map<Bridge, number[]>(BRIDGES.map((bridge) => [bridge, []]));
    for (let round = 0; round < context.rounds; round++) {
      context.say(`round ${round + 1}`);
      for (const bridge of shuffled(BRIDGES, context.seed + round)) rates.get(bridge)?.push(await climb(context, bridge));
    }
    const of = (bridge: Bridge) => median(rates.get(bridge) ?? []);
    const ratios = {
      to_rclnodejs_not_durable: of('agent') / of('rclnodejs_mqttjs'),
      to_rclpy_sqlite: of('agent') / of('rclpy_paho_sqlite'),
    };
    return {
      figures: {
        lossless_per_s: Object.fromEntries(BRIDGES.map((bridge) => [bridge, of(bridge)])),
        each_round: Object.fromEntries(rates),
        ratios,
      },
      targets: [
        { name: 'rate / rclnodejs + MQTT.js, not durable', value: ratios.to_rclnodejs_not_durable, atLeast: 1.5, stretch: 2 },
        { name: 'rate / rclpy + paho + sqlite3', value: ratios.to_rclpy_sqlite, atLeast: 8, stretch: 12 },
      ],
    };
  },
};
