// Compares alerts during the drain of a million rows over the same connection with alerts without a backlog.
import { execFileSync } from 'node:child_process';
import { cpSync, rmSync } from 'node:fs';
import type { Program } from '../../../scripts/lab/program.ts';
import { drained } from '../backlog.ts';
import type { Bench, Findings } from '../bench.ts';
import { dump, settled, startLoad } from '../bridges.ts';
import { match, median, quantile } from '../figures.ts';
import { ALARM, MQTT_TOPIC, type Rig } from '../rig.ts';

const ROWS = 1_000_000;
const RATE = 200;
const SECONDS = 6;

interface Alerts {
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly count: number;
  readonly lost: number;
}

/** Publishes alerts to a matched agent. Alerts count if they were published while it was connected and before `until` resolved. */
async function alerts(rig: Rig, stateDir: string, until: (agent: Program) => Promise<number>): Promise<Alerts> {
  // Writes back the copied backlog now, so that the agent's fsyncs do not wait for it.
  execFileSync('sync');
  const subscriber = rig.node('subscriber.mjs', [ALARM.channel, MQTT_TOPIC]);
  await subscriber.event('connected');
  const load = startLoad(rig, ALARM, { rate: RATE, seconds: SECONDS, more: ['--settle', '0', '--warmup', '0'] });
  await load.program.event('ready');
  const agent = rig.agent({}, stateDir);
  const connected = agent.event('connected').then(() => Number(process.hrtime.bigint()));
  const [sinceNs, untilNs, done] = await Promise.all([connected, until(agent), load.program.event('done', undefined, 120_000)]);
  await settled(subscriber, Number(done.count));
  const arrivals = await dump(rig, subscriber);
  load.program.order('enough');
  for (const each of [load.program, agent, subscriber]) await rig.end(each);
  const stamps = load.stamps();
  const matched = match(stamps, arrivals, 0, 'order');
  const during = matched.latenciesMs.filter((_, n) => {
    const ns = stamps[n] ?? Number.NaN;
    return ns >= sinceNs && ns < untilNs;
  });
  return { p50Ms: quantile(during, 0.5), p99Ms: quantile(during, 0.99), count: during.length, lost: matched.lost };
}

export const alertDuringDrain: Bench = {
  name: 'alert-during-drain',
  what: 'alerts while a backlog of a million rows is drained',
  run: async ({ rig, rounds, seed, say }): Promise<Findings> => {
    const filled = await rig.fill(ROWS, seed);
    const without: Alerts[] = [];
    const during: Alerts[] = [];
    const drainSeconds: number[] = [];
    const tell = (name: string, { p50Ms, p99Ms, count, lost }: Alerts) =>
      say(`${name}: p50 ${p50Ms.toFixed(2)} ms, p99 ${p99Ms.toFixed(2)} ms of ${count} alerts, ${lost} lost`);
    for (let round = 0; round < rounds; round++) {
      const calm = await alerts(rig, rig.fresh('state'), async () => Number.POSITIVE_INFINITY);
      tell(`round ${round + 1} without a backlog`, calm);
      const stateDir = rig.fresh('state');
      cpSync(filled, stateDir, { recursive: true });
      const busy = await alerts(rig, stateDir, async (agent) => {
        drainSeconds.push((await drained(rig, agent, stateDir, ROWS)).seconds);
        return Number(process.hrtime.bigint());
      });
      rmSync(stateDir, { recursive: true });
      tell(`round ${round + 1} during the drain (${drainSeconds.at(-1)?.toFixed(1)} s)`, busy);
      without.push(calm);
      during.push(busy);
    }
    const of = (all: readonly Alerts[]) => ({
      p50_ms: median(all.map((each) => each.p50Ms)),
      p99_ms: median(all.map((each) => each.p99Ms)),
      alerts: all.map((each) => each.count),
      lost: all.map((each) => each.lost),
    });
    const ratio = of(during).p99_ms / of(without).p99_ms;
    return {
      figures: {
        rows: ROWS,
        alerts_per_s: RATE,
        without_backlog: of(without),
        during_drain: of(during),
        drain_s: median(drainSeconds),
        ratios: { p99: ratio },
      },
      targets: [
        { name: 'alert p99 during the drain / without a backlog', value: ratio, atMost: 3, stretch: 1.5 },
        { name: 'alerts lost', value: Math.max(...of(during).lost), atMost: 0 },
      ],
    };
  },
};
