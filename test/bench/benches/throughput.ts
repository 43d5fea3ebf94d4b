// The highest steady rate that a bridge delivers without losing one message, on a ladder that every bridge climbs until it loses.
import type { Bench, Context, Findings } from '../bench.ts';
import { BRIDGES, type Bridge, runBridge } from '../bridges.ts';
import { median, shuffled } from '../figures.ts';
import { LEVEL } from '../rig.ts';

const LADDER = [500, 1_000, 2_000, 4_000, 6_000, 8_000, 12_000, 16_000, 20_000];
const SECONDS = 2;

/** A publisher that falls behind by more than this measures itself. */
const KEPT_UP = 0.9;

/** @returns messages a second; where the lowest rung already loses, what it still delivers. */
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
