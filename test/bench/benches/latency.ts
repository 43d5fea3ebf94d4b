// How long an alert takes from its ROS publish to an independent MQTT subscriber, committed on the way; against the sum of its
// parts and against bridges that others would write, all in the same rounds.
import type { Bench, Context, Findings } from '../bench.ts';
import { type Bridge, type Run, runBridge } from '../bridges.ts';
import { median, quantile, shuffled } from '../figures.ts';
import { ALARM, LEVEL, type Rig } from '../rig.ts';

const SECONDS = 4;
const FLOOR_COUNT = 2_000;
const COMPARED: readonly Bridge[] = ['listen', 'agent', 'rclpy_paho', 'rclpy_paho_sqlite', 'rclnodejs_mqttjs'];

type Part = 'fsync' | 'puback';

/** The sorted milliseconds of one part alone, at the same pace. */
async function floor(rig: Rig, part: Part, rate: number, slowFsyncUs: number): Promise<number[]> {
  const args = [part, String(rate), String(Math.min(FLOOR_COUNT, rate * SECONDS)), rig.fresh('page')];
  const program = rig.node('floors.mjs', args, rig.shimEnv(rig.fsyncCounter().file, slowFsyncUs));
  const { us } = await program.event('floor', undefined, 60_000);
  await rig.end(program);
  return (us as number[]).map((each) => each / 1000);
}

interface Collected {
  readonly runs: Map<Bridge, Run[]>;
  readonly floors: Record<Part, number[][]>;
}

async function collect({ rig, rounds, seed, say }: Context, rate: number, slowFsyncUs: number): Promise<Collected> {
  const runs = new Map<Bridge, Run[]>(COMPARED.map((bridge) => [bridge, []]));
  const floors: Record<Part, number[][]> = { fsync: [], puback: [] };
  for (let round = 0; round < rounds; round++) {
    for (const part of ['fsync', 'puback'] as const) floors[part].push(await floor(rig, part, rate, slowFsyncUs));
    for (const bridge of shuffled(COMPARED, seed + round)) {
      // Only the agent tells alerts from telemetry. A number can be paired although others were lost, as overloaded bridges do.
      const signal = bridge === 'agent' ? ALARM : LEVEL;
      const run = await runBridge(rig, bridge, { signal, rate, seconds: SECONDS, slowFsyncUs });
      runs.get(bridge)?.push(run);
      const [p50, p99] = [quantile(run.latenciesMs, 0.5), quantile(run.latenciesMs, 0.99)];
      say(
        `round ${round + 1} ${bridge}: p50 ${p50.toFixed(3)} ms, p99 ${p99.toFixed(3)} ms, ${run.lost} lost, CPU ${run.cpuPercent.toFixed(0)} %`,
      );
    }
  }
  return { runs, floors };
}

function summary(runs: readonly Run[]) {
  return {
    p50_ms: median(runs.map((run) => quantile(run.latenciesMs, 0.5))),
    p99_ms: median(runs.map((run) => quantile(run.latenciesMs, 0.99))),
    lost: runs.map((run) => run.lost),
    doubled: runs.map((run) => run.doubled),
    cpu_percent: median(runs.map((run) => run.cpuPercent)),
    fsyncs_per_message: median(runs.map((run) => run.fsyncs / (run.rate * SECONDS))),
  };
}

async function measure(context: Context, rate: number, slowFsyncUs: number) {
  const { runs, floors } = await collect(context, rate, slowFsyncUs);
  const of = (bridge: Bridge) => summary(runs.get(bridge) ?? []);
  const part = (name: Part, q: number) => median(floors[name].map((each) => quantile(each, q)));
  const bridges = Object.fromEntries(COMPARED.filter((bridge) => bridge !== 'listen').map((bridge) => [bridge, of(bridge)]));
  const ros = of('listen');
  const parts = {
    ros_one_way_p50_ms: ros.p50_ms,
    fsync_p50_ms: part('fsync', 0.5),
    fsync_p99_ms: part('fsync', 0.99),
    puback_p50_ms: part('puback', 0.5),
  };
  const sumMs = parts.ros_one_way_p50_ms + parts.fsync_p50_ms + parts.puback_p50_ms;
  const lost = Math.max(...(runs.get('agent') ?? []).map((run) => run.lost));
  return { of, parts, sumMs, lost, figures: { rate, added_fsync_ms: slowFsyncUs / 1000, bridges, parts: { ...parts, sum_p50_ms: sumMs } } };
}

export const latency: Bench = {
  name: 'latency',
  what: 'an alert from its ROS publish to an MQTT subscriber, durable, at 1000/s',
  run: async (context): Promise<Findings> => {
    const { of, sumMs, lost, figures } = await measure(context, 1000, context.slowFsyncUs);
    const agent = of('agent').p50_ms;
    const [sqlite, plain] = [of('rclpy_paho_sqlite').p50_ms, of('rclnodejs_mqttjs').p50_ms];
    const ratios = { to_parts: agent / sumMs, to_rclpy_sqlite: agent / sqlite, to_rclnodejs_not_durable: agent / plain };
    return {
      figures: { ...figures, ratios },
      targets: [
        { name: 'p50 / (ROS one-way + fsync + PUBACK)', value: ratios.to_parts, atMost: 1.1, stretch: 1 },
        { name: 'p50 / rclpy + paho + sqlite3', value: ratios.to_rclpy_sqlite, atMost: 0.8, stretch: 0.6 },
        { name: 'alerts lost', value: lost, atMost: 0 },
      ],
    };
  },
};

const CARD_FSYNC_US = 5_000;

export const latencySlowFsync: Bench = {
  name: 'latency-slow-fsync',
  what: 'the same at 100/s where each fsync takes 5 ms more, as on an SD card',
  run: async (context): Promise<Findings> => {
    const { of, parts, lost, figures } = await measure(context, 100, context.slowFsyncUs || CARD_FSYNC_US);
    const agent = of('agent');
    const ratios = { to_rclpy_sqlite: agent.p50_ms / of('rclpy_paho_sqlite').p50_ms, p99_to_fsync: agent.p99_ms / parts.fsync_p50_ms };
    return {
      figures: { ...figures, ratios },
      targets: [
        { name: 'p50 / rclpy + paho + sqlite3', value: ratios.to_rclpy_sqlite, atMost: 0.05 },
        { name: 'p99 / fsync', value: ratios.p99_to_fsync, atMost: 3 },
        { name: 'alerts lost', value: lost, atMost: 0 },
      ],
    };
  },
};
