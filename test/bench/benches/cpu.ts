// Compares the CPU time of a thousand readings per second with usual bridges, and counts fsyncs per reading.
import type { Bench, Context, Findings } from '../bench.ts';
import { type Bridge, type Run, runBridge } from '../bridges.ts';
import { median, shuffled } from '../figures.ts';
import { LEVEL } from '../rig.ts';

const RATE = 1000;
const SECONDS = 6;

async function rounds({ rig, rounds, seed, slowFsyncUs, say }: Context, bridges: readonly Bridge[]): Promise<Map<Bridge, Run[]>> {
  const runs = new Map<Bridge, Run[]>(bridges.map((bridge) => [bridge, []]));
  for (let round = 0; round < rounds; round++) {
    for (const bridge of shuffled(bridges, seed + round)) {
      const run = await runBridge(rig, bridge, { signal: LEVEL, rate: RATE, seconds: SECONDS, slowFsyncUs });
      runs.get(bridge)?.push(run);
      say(
        `round ${round + 1} ${bridge}: CPU ${run.cpuPercent.toFixed(1)} %, ${run.fsyncs} fsyncs, ${run.lost} lost, RSS ${run.rssMb.toFixed(0)} MB`,
      );
    }
  }
  return runs;
}

function summary(runs: readonly Run[]) {
  return {
    cpu_percent: median(runs.map((run) => run.cpuPercent)),
    rss_mb: median(runs.map((run) => run.rssMb)),
    fsyncs_per_reading: median(runs.map((run) => run.fsyncs / (run.rate * SECONDS))),
    lost: runs.map((run) => run.lost),
    rate: median(runs.map((run) => run.rate)),
  };
}

export const cpu: Bench = {
  name: 'cpu',
  what: 'processor time of telemetry at 1000/s, durable',
  run: async (context): Promise<Findings> => {
    const runs = await rounds(context, ['agent', 'rclnodejs_mqttjs', 'rclpy_paho', 'rclpy_paho_sqlite']);
    const bridges = Object.fromEntries([...runs].map(([bridge, each]) => [bridge, summary(each)]));
    const of = (bridge: Bridge) => summary(runs.get(bridge) ?? []).cpu_percent;
    const ratios = {
      to_rclnodejs_not_durable: of('agent') / of('rclnodejs_mqttjs'),
      to_rclpy_sqlite: of('agent') / of('rclpy_paho_sqlite'),
    };
    return {
      figures: { rate: RATE, bridges, ratios },
      targets: [
        { name: 'CPU / rclnodejs + MQTT.js, not durable', value: ratios.to_rclnodejs_not_durable, atMost: 0.8 },
        { name: 'CPU / rclpy + paho + sqlite3', value: ratios.to_rclpy_sqlite, atMost: 0.4 },
      ],
    };
  },
};

export const fsyncs: Bench = {
  name: 'fsyncs',
  what: 'fsyncs a reading of telemetry at 1000/s',
  run: async (context): Promise<Findings> => {
    const runs = await rounds(context, ['agent', 'rclpy_paho_sqlite']);
    const bridges = Object.fromEntries([...runs].map(([bridge, each]) => [bridge, summary(each)]));
    const agent = summary(runs.get('agent') ?? []);
    return {
      figures: { rate: RATE, bridges },
      targets: [
        { name: 'fsyncs a reading', value: agent.fsyncs_per_reading, atMost: 0.05, stretch: 0.01 },
        { name: 'readings lost', value: Math.max(...agent.lost), atMost: 0 },
      ],
    };
  },
};
