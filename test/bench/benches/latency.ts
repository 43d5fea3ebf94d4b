// Compares the time of an alert from its ROS publish to an independent MQTT subscriber, including its commit, with the sum of its parts and
// with usual bridges, all in the same rounds.
import type { Bench, Context, Findings } from '../bench.ts';
import { type Bridge, type Run, runBridge } from '../bridges.ts';
import { median, quantile, shuffled } from '../figures.ts';
import { ALARM, FLOOR_TOPIC, LEVEL, type Rig } from '../rig.ts';

const SECONDS = 4;
const COMPARED: readonly Bridge[] = ['agent', 'rclpy_paho', 'rclpy_paho_sqlite', 'rclnodejs_mqttjs'];

/** Milliseconds of each part: ROS one-way, a page written and synced, publish to PUBACK. */
type Parts = Record<'ros' | 'fsync' | 'puback', readonly number[]>;

async function floor(rig: Rig, part: 'fsync' | 'puback', rate: number, slowFsyncUs: number): Promise<number[]> {
  const args = [part, String(rate), String(rate * SECONDS), rig.fresh('page')];
  const program = rig.node('floors.mjs', args, rig.shimEnv(rig.fsyncCounter().file, slowFsyncUs));
  const { us } = await program.event('floor', undefined, 60_000);
  await rig.end(program);
  return (us as number[]).map((each) => each / 1000);
}

/** Measures the parts in processes of their own at the bench's rate: one after the other if `alone`, else all at once. */
async function measureParts(rig: Rig, rate: number, slowFsyncUs: number, alone: boolean): Promise<Parts> {
  const ros = async () => (await runBridge(rig, 'listen', { signal: LEVEL, rate, seconds: SECONDS })).latenciesMs;
  const fsync = () => floor(rig, 'fsync', rate, slowFsyncUs);
  const puback = async () => {
    const subscriber = rig.node('subscriber.mjs', [LEVEL.channel, FLOOR_TOPIC]);
    await subscriber.event('connected');
    const found = await floor(rig, 'puback', rate, slowFsyncUs);
    await rig.end(subscriber);
    return found;
  };
  if (alone) return { ros: await ros(), fsync: await fsync(), puback: await puback() };
  const [a, b, c] = await Promise.all([ros(), fsync(), puback()]);
  return { ros: a, fsync: b, puback: c };
}

interface Collected {
  readonly runs: Map<Bridge, Run[]>;
  readonly alone: Parts[];
  readonly together: Parts[];
}

async function collect({ rig, rounds, seed, say }: Context, rate: number, slowFsyncUs: number): Promise<Collected> {
  const runs = new Map<Bridge, Run[]>(COMPARED.map((bridge) => [bridge, []]));
  const [alone, together]: [Parts[], Parts[]] = [[], []];
  for (let round = 0; round < rounds; round++) {
    for (const each of shuffled([...COMPARED, 'alone', 'together'] as const, seed + round)) {
      if (each === 'alone' || each === 'together') {
        const parts = await measureParts(rig, rate, slowFsyncUs, each === 'alone');
        (each === 'alone' ? alone : together).push(parts);
        say(
          `round ${round + 1} parts ${each}: ${Object.entries(sumOf([parts]))
            .map(([name, ms]) => `${name} ${ms.toFixed(3)}`)
            .join(', ')}`,
        );
        continue;
      }
      // Only the agent distinguishes alerts from telemetry. Numbers can be paired even if an overloaded bridge lost others.
      const run = await runBridge(rig, each, { signal: each === 'agent' ? ALARM : LEVEL, rate, seconds: SECONDS, slowFsyncUs });
      runs.get(each)?.push(run);
      const [p50, p99] = [quantile(run.latenciesMs, 0.5), quantile(run.latenciesMs, 0.99)];
      say(
        `round ${round + 1} ${each}: p50 ${p50.toFixed(3)} ms, p99 ${p99.toFixed(3)} ms, ${run.lost} lost, CPU ${run.cpuPercent.toFixed(0)} %`,
      );
    }
  }
  return { runs, alone, together };
}

/** The median of each part over the rounds, and the sum of the medians. */
function sumOf(rounds: readonly Parts[]) {
  const p50 = (part: keyof Parts) => median(rounds.map((parts) => quantile(parts[part], 0.5)));
  const [ros, fsync, puback] = [p50('ros'), p50('fsync'), p50('puback')];
  return { ros_one_way_p50_ms: ros, fsync_p50_ms: fsync, puback_p50_ms: puback, sum_p50_ms: ros + fsync + puback };
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
  const { runs, alone, together } = await collect(context, rate, slowFsyncUs);
  const of = (bridge: Bridge) => summary(runs.get(bridge) ?? []);
  const parts = { alone: sumOf(alone), together: sumOf(together) };
  const lost = Math.max(...(runs.get('agent') ?? []).map((run) => run.lost));
  const bridges = Object.fromEntries(COMPARED.map((bridge) => [bridge, of(bridge)]));
  return { of, parts, lost, figures: { rate, added_fsync_ms: slowFsyncUs / 1000, bridges, parts } };
}

export const latency: Bench = {
  name: 'latency',
  what: 'an alert from its ROS publish to an MQTT subscriber, durable, at 1000/s',
  run: async (context): Promise<Findings> => {
    const { of, parts, lost, figures } = await measure(context, 1000, context.slowFsyncUs);
    const agent = of('agent').p50_ms;
    const [sqlite, plain] = [of('rclpy_paho_sqlite').p50_ms, of('rclnodejs_mqttjs').p50_ms];
    const ratios = {
      to_parts: agent / parts.together.sum_p50_ms,
      to_parts_alone: agent / parts.alone.sum_p50_ms,
      to_rclpy_sqlite: agent / sqlite,
      to_rclnodejs_not_durable: agent / plain,
    };
    return {
      figures: { ...figures, ratios },
      targets: [
        { name: 'p50 / (ROS one-way + fsync + PUBACK, all three at once)', value: ratios.to_parts, atMost: 1.1, stretch: 1 },
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
    const ratios = {
      to_rclpy_sqlite: agent.p50_ms / of('rclpy_paho_sqlite').p50_ms,
      p99_to_fsync: agent.p99_ms / parts.alone.fsync_p50_ms,
    };
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
