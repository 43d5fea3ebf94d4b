// Compares the CPU time of twenty topics at 100 Hz with a plain node that only receives them, and measures alerts beside a flood and a
// camera on other topics.
import type { Bench, Findings } from '../bench.ts';
import { dump, settled, startLoad } from '../bridges.ts';
import { match, median, quantile, shuffled } from '../figures.ts';
import { cpuSeconds } from '../process.ts';
import { ALARM, MQTT_TOPIC, type Rig } from '../rig.ts';

const TOPICS = 20;
const TOPIC_RATE = 100;
const SECONDS = 6;
const ALERTS_PER_S = 100;

/** The gates of a usual number channel, or none. */
const GATES = { gated: '{ on: change, deadband: 0.5 }', every: '{ on: message }' } as const;
type Way = keyof typeof GATES | 'plain';

function twenty(report: string): string {
  return Array.from({ length: TOPICS }, (_, n) => `  c${n}: { topic: /crowd/c${n}, type: std_msgs/msg/Float64, report: ${report} }\n`).join(
    '',
  );
}

async function cpuOf(rig: Rig, way: Way): Promise<number> {
  const program = way === 'plain' ? rig.node('twenty.mjs', []) : rig.agent({}, undefined, 'unlimited', twenty(GATES[way]));
  await program.event('connected');
  const crowd = rig.python('crowd.py', ['numbers', '--rate', String(TOPIC_RATE), '--seconds', String(SECONDS)]);
  await crowd.event('started', undefined, 30_000);
  const [before, beganMs] = [cpuSeconds(program.pid), performance.now()];
  await crowd.event('done', undefined, 60_000);
  const percent = (100 * (cpuSeconds(program.pid) - before)) / ((performance.now() - beganMs) / 1000);
  crowd.order('enough');
  for (const each of [crowd, program]) await rig.end(each);
  return percent;
}

const BESIDE = {
  calm: undefined,
  flood: { rate: 10_000, channel: '  flood: { topic: /crowd/flood, type: std_msgs/msg/Float64 }\n' },
  camera: { rate: 30, channel: '  camera: { topic: /crowd/camera, type: sensor_msgs/msg/Image, field: height }\n' },
} as const;
type Beside = keyof typeof BESIDE;

interface Alerts {
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly lost: number;
}

async function alertsBeside(rig: Rig, name: Beside): Promise<Alerts> {
  const beside = BESIDE[name];
  const subscriber = rig.node('subscriber.mjs', [ALARM.channel, MQTT_TOPIC]);
  await subscriber.event('connected');
  const agent = rig.agent({}, undefined, 'unlimited', beside?.channel ?? '');
  await agent.event('connected');
  const crowd = beside && rig.python('crowd.py', [name, '--rate', String(beside.rate), '--seconds', String(SECONDS + 4)]);
  await crowd?.event('started', undefined, 30_000);
  const load = startLoad(rig, ALARM, { rate: ALERTS_PER_S, seconds: SECONDS });
  const done = await load.program.event('done', undefined, 60_000);
  await settled(subscriber, Number(done.count));
  const arrivals = await dump(rig, subscriber);
  load.program.order('enough');
  crowd?.order('enough');
  for (const each of [load.program, ...(crowd ? [crowd] : []), agent, subscriber]) await rig.end(each);
  const { latenciesMs, lost } = match(load.stamps(), arrivals, Number(done.warm), 'order');
  return { p50Ms: quantile(latenciesMs, 0.5), p99Ms: quantile(latenciesMs, 0.99), lost };
}

export const sensing: Bench = {
  name: 'sensing',
  what: 'twenty topics at 100 Hz, and alerts beside a flood and a camera',
  run: async ({ rig, rounds, seed, say }): Promise<Findings> => {
    const cpu: Record<Way, number[]> = { gated: [], every: [], plain: [] };
    const alerts: Record<Beside, Alerts[]> = { calm: [], flood: [], camera: [] };
    for (let round = 0; round < rounds; round++) {
      for (const way of shuffled(['gated', 'every', 'plain'] as const, seed + round)) {
        const percent = await cpuOf(rig, way);
        cpu[way].push(percent);
        say(`round ${round + 1} ${way}: CPU ${percent.toFixed(1)} %`);
      }
      for (const beside of shuffled(['calm', 'flood', 'camera'] as const, seed + round)) {
        const found = await alertsBeside(rig, beside);
        alerts[beside].push(found);
        say(`round ${round + 1} alerts, ${beside}: p50 ${found.p50Ms.toFixed(2)} ms, p99 ${found.p99Ms.toFixed(2)} ms, ${found.lost} lost`);
      }
    }
    const percent = (way: Way) => median(cpu[way]);
    const of = (beside: Beside) => ({
      p50_ms: median(alerts[beside].map(({ p50Ms }) => p50Ms)),
      p99_ms: median(alerts[beside].map(({ p99Ms }) => p99Ms)),
      lost: alerts[beside].map(({ lost }) => lost),
    });
    const [calm, flood, camera] = [of('calm'), of('flood'), of('camera')];
    const ratios = {
      cpu_gated: percent('gated') / percent('plain'),
      cpu_every_message_kept: percent('every') / percent('plain'),
      flood_p50: flood.p50_ms / calm.p50_ms,
      camera_p99: camera.p99_ms / calm.p99_ms,
    };
    return {
      figures: { cpu_percent: { gated: percent('gated'), every: percent('every'), plain: percent('plain') }, calm, flood, camera, ratios },
      targets: [
        { name: 'CPU of 20 channels at 100 Hz / plain rclnodejs', value: ratios.cpu_gated, atMost: 0.6 },
        { name: 'alert p50 beside 10 kHz / without', value: ratios.flood_p50, atMost: 3 },
        { name: 'alert p99 beside a camera / without', value: ratios.camera_p99, atMost: 1.2 },
        { name: 'alerts lost', value: Math.max(...[calm, flood, camera].flatMap(({ lost }) => lost)), atMost: 0 },
      ],
    };
  },
};
