// Measures pictures: the time from a fall to its snapshot in the bucket, the CPU time of a camera, and alerts and memory beside a camera
// that publishes 60 MB per second.
import { writeFileSync } from 'node:fs';
import sharp from 'sharp';
import type { Program } from '../../../scripts/lab/program.ts';
import { findPostgres, Postgres } from '../../support/postgres.ts';
import { UploadCloud } from '../../support/uploadCloud.ts';
import type { Bench, Findings } from '../bench.ts';
import { dump, settled, startLoad } from '../bridges.ts';
import { match, median, quantile, shuffled } from '../figures.ts';
import { cpuSeconds, rssMb } from '../process.ts';
import { ALARM, MQTT_TOPIC, type Rig, THING } from '../rig.ts';

const CAMERA_HZ = 10;
const CPU_SECONDS = 10;

/** An alert that alternates each second is raised every two seconds. At most twelve alerts a minute get pictures. */
const FALLS = 12;
const FALLS_SECONDS = 2 * FALLS - 2;

const FLOOD_HZ = 60;
const FLOOD_SECONDS = 20;
const FLOOD_PIXELS = { width: 1_280, height: 860 };
const ALERTS_PER_S = 50;

const camera = (topic: string, api: string) => `uploads: { api: "${api}", max_kbps: null }\ncameras: { hall: { topic: ${topic} } }\n`;

async function crowd(rig: Rig, kind: 'camera' | 'jpeg', rate: number, seconds: number, more: readonly string[] = []): Promise<Program> {
  const program = rig.python('crowd.py', [kind, '--rate', String(rate), '--seconds', String(seconds), ...more]);
  await program.event('started', undefined, 30_000);
  return program;
}

type Keeper = 'agent' | 'raw';

/** CPU in percent of a core while the camera runs. */
async function cpuOf(rig: Rig, keeper: Keeper, api: string): Promise<number> {
  const topic = '/crowd/camera';
  const program = keeper === 'raw' ? rig.node('rawCamera.mjs', [topic]) : rig.agent({}, undefined, 'unlimited', camera(topic, api));
  await program.event('connected');
  const pictures = await crowd(rig, 'camera', CAMERA_HZ, CPU_SECONDS + 1);
  // Excludes the first pictures, which compile and load code.
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  const [before, beganMs] = [cpuSeconds(program.pid), performance.now()];
  await pictures.event('done', undefined, 60_000);
  const percent = (100 * (cpuSeconds(program.pid) - before)) / ((performance.now() - beganMs) / 1000);
  pictures.order('enough');
  for (const each of [pictures, program]) await rig.end(each);
  return percent;
}

/** Milliseconds from the publish of each fall to the store's answer. */
async function falls(rig: Rig, who: 'agent' | 'bare', cloud: UploadCloud): Promise<number[]> {
  const topic = '/crowd/camera';
  const urls = rig.fresh('urls');
  const prefix = `bare${cloud.proxy.stored.length}`;
  if (who === 'bare') {
    const signed = await Promise.all(Array.from({ length: FALLS }, (_, n) => cloud.plainPut(`${prefix}/${n}.jpg`)));
    writeFileSync(urls, signed.join('\n'));
  }
  const program =
    who === 'bare'
      ? rig.node('picture.mjs', [topic, ALARM.topic, urls])
      : rig.agent({}, undefined, 'unlimited', camera(topic, cloud.origin));
  await program.event('connected');
  const pictures = await crowd(rig, 'camera', CAMERA_HZ, FALLS_SECONDS + 6);
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  const before = cloud.proxy.stored.length;
  const load = startLoad(rig, ALARM, { rate: 1, seconds: FALLS_SECONDS });
  await load.program.event('done', undefined, 60_000);
  const wanted = (path: string) => (who === 'bare' ? path.includes(prefix) : path.includes('/snapshot/'));
  const stored = () => cloud.proxy.stored.slice(before).filter(({ path }) => wanted(path));
  for (const untilMs = performance.now() + 10_000; stored().length < FALLS && performance.now() < untilMs; ) {
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  load.program.order('enough');
  pictures.order('enough');
  for (const each of [load.program, pictures, program]) await rig.end(each);
  const raised = load.stamps().filter((_, n) => n % 2 === 0);
  if (stored().length !== raised.length) throw new Error(`${who}: ${raised.length} falls, ${stored().length} pictures`);
  // Excludes the first fall, which compiles and loads code.
  return stored()
    .map(({ ns }, n) => (ns - Number(raised[n])) / 1e6)
    .slice(1);
}

interface Beside {
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly lost: number;
  /** The agent's memory, sampled each second. */
  readonly rssMb: readonly number[];
}

async function alertsBeside(rig: Rig, api: string, file: string | undefined): Promise<Beside> {
  const subscriber = rig.node('subscriber.mjs', [ALARM.channel, MQTT_TOPIC]);
  await subscriber.event('connected');
  const agent = rig.agent({}, undefined, 'unlimited', camera('/crowd/jpeg', api));
  await agent.event('connected');
  const residents = [rssMb(agent.pid)];
  const flood = file === undefined ? undefined : await crowd(rig, 'jpeg', FLOOD_HZ, FLOOD_SECONDS, ['--file', file]);
  const load = startLoad(rig, ALARM, { rate: ALERTS_PER_S, seconds: FLOOD_SECONDS - 3 });
  const looking = setInterval(() => residents.push(rssMb(agent.pid)), 1_000);
  const done = await load.program.event('done', undefined, 90_000);
  await flood?.event('done', undefined, 60_000);
  clearInterval(looking);
  await settled(subscriber, Number(done.count));
  const arrivals = await dump(rig, subscriber);
  load.program.order('enough');
  flood?.order('enough');
  for (const each of [load.program, ...(flood ? [flood] : []), agent, subscriber]) await rig.end(each);
  const { latenciesMs, lost } = match(load.stamps(), arrivals, Number(done.warm), 'order');
  return { p50Ms: quantile(latenciesMs, 0.5), p99Ms: quantile(latenciesMs, 0.99), lost, rssMb: residents };
}

/** A JPEG of about one megabyte. */
async function largePicture(rig: Rig): Promise<string> {
  const file = rig.fresh('large.jpg');
  const noise = { type: 'gaussian' as const, mean: 128, sigma: 50 };
  const bytes = await sharp({ create: { ...FLOOD_PIXELS, channels: 3, background: 'grey', noise } })
    .jpeg({ quality: 90 })
    .toBuffer();
  writeFileSync(file, bytes);
  return file;
}

export const media: Bench = {
  name: 'media',
  what: 'a fall until its snapshot is in the bucket, keeping a camera, and alerts beside 60 MB of pictures a second',
  run: async ({ rig, rounds, seed, say }): Promise<Findings> => {
    // Without fsync, because a deployed store has a disk of its own.
    const postgres = findPostgres() ? await Postgres.start() : undefined;
    const cloud = await UploadCloud.start(postgres?.url);
    try {
      await cloud.know(THING, rig.certificate);
      const large = await largePicture(rig);
      const took: Record<'agent' | 'bare', number[]> = { agent: [], bare: [] };
      const cpu: Record<Keeper, number[]> = { agent: [], raw: [] };
      const beside: Record<'calm' | 'flood', Beside[]> = { calm: [], flood: [] };
      for (let round = 0; round < rounds; round++) {
        for (const who of shuffled(['agent', 'bare'] as const, seed + round)) {
          const found = await falls(rig, who, cloud);
          took[who].push(...found);
          say(`round ${round + 1} falls, ${who}: p50 ${median(found).toFixed(1)} ms, worst ${Math.max(...found).toFixed(1)} ms`);
        }
        for (const keeper of shuffled(['agent', 'raw'] as const, seed + round)) {
          const percent = await cpuOf(rig, keeper, cloud.origin);
          cpu[keeper].push(percent);
          say(`round ${round + 1} ${CAMERA_HZ} Hz, ${keeper}: CPU ${percent.toFixed(2)} %`);
        }
        for (const name of shuffled(['calm', 'flood'] as const, seed + round)) {
          const found = await alertsBeside(rig, cloud.origin, name === 'calm' ? undefined : large);
          beside[name].push(found);
          const rss = found.rssMb.map((mb) => mb.toFixed(0)).join(' ');
          say(
            `round ${round + 1} alerts, ${name}: p50 ${found.p50Ms.toFixed(2)}, p99 ${found.p99Ms.toFixed(2)} ms, ${found.lost} lost, RSS ${rss} MB`,
          );
        }
      }
      return judged(took, cpu, beside);
    } finally {
      await cloud.stop();
      await postgres?.stop();
    }
  },
};

function judged(
  took: Record<'agent' | 'bare', number[]>,
  cpu: Record<Keeper, number[]>,
  beside: Record<'calm' | 'flood', Beside[]>,
): Findings {
  const quantiles = (who: 'agent' | 'bare') => ({ p50_ms: median(took[who]), p99_ms: quantile(took[who], 0.99) });
  const of = (name: 'calm' | 'flood') => ({
    p50_ms: median(beside[name].map(({ p50Ms }) => p50Ms)),
    p99_ms: median(beside[name].map(({ p99Ms }) => p99Ms)),
    lost: beside[name].map(({ lost }) => lost),
  });
  const [ours, bare, calm, flood] = [quantiles('agent'), quantiles('bare'), of('calm'), of('flood')];
  const growth = Math.max(...beside.flood.map(({ rssMb: [first = 0, ...rest] }) => Math.max(...rest) - first));
  const creep = Math.max(...beside.flood.map(({ rssMb }) => median(rssMb.slice(-5)) - median(rssMb.slice(5, 10))));
  const percent = { agent: median(cpu.agent), raw: median(cpu.raw) };
  return {
    figures: {
      fall_to_bucket: { agent: ours, bare },
      cpu_percent: percent,
      alerts: { calm, flood },
      rss_mb: beside.flood.map(({ rssMb }) => rssMb),
    },
    targets: [
      { name: 'fall to bucket p50 / bare capture, encode and PUT', value: ours.p50_ms / bare.p50_ms, atMost: 1.3 },
      { name: 'fall to bucket p99 / bare capture, encode and PUT', value: ours.p99_ms / bare.p99_ms, atMost: 1.3 },
      { name: 'CPU of keeping 640x480 at 10 Hz / bare raw subscription', value: percent.agent / percent.raw, atMost: 1.2 },
      { name: 'alert p99 beside 1 MB at 60 Hz / without', value: flood.p99_ms / calm.p99_ms, atMost: 1.5 },
      { name: 'RSS growth beside it, MB', value: growth, atMost: 100 },
      { name: 'RSS, last seconds beside the first ones, MB', value: creep, atMost: 15 },
      { name: 'alerts lost', value: Math.max(...calm.lost, ...flood.lost), atMost: 0 },
    ],
  };
}
