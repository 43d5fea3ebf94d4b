// Compares the time of a command from its MQTT publish to a ROS subscriber with a bridge that checks, records and answers nothing. Also
// measures alerts under a thousand commands per second.

import type { Bench, Findings } from '../bench.ts';
import { dump, readStamps, settled, startLoad } from '../bridges.ts';
import { match, median, quantile, shuffled } from '../figures.ts';
import { rssMb } from '../process.ts';
import { ALARM, COMMAND_TOPIC, MQTT_TOPIC, type Rig } from '../rig.ts';

/** Below 600 a minute, the highest rate that a configuration may allow, so that no command is refused. */
const RATE = 9;
const COUNT = 180;
const WARM = 9;
const JOURNAL_COUNT = 90;

type Way = 'agent' | 'bare';

/** The latencies in milliseconds of the commands after the first second. */
async function commandsThrough(rig: Rig, way: Way): Promise<{ latenciesMs: readonly number[]; lost: number; fsyncs: number }> {
  const counter = rig.fsyncCounter();
  const listener = rig.node('listen.mjs', [COMMAND_TOPIC]);
  await listener.event('connected');
  const shim = rig.shimEnv(counter.file, 0);
  const bridge = way === 'agent' ? rig.agent(shim) : rig.node('commandBridge.mjs', [COMMAND_TOPIC], shim);
  await bridge.event('connected');
  // This side has no event for ROS discovery.
  await new Promise((resolve) => setTimeout(resolve, 1_500));
  const before = counter.read();
  const out = rig.fresh('stamps');
  const sender = rig.node('sendCommands.mjs', [String(RATE), String(COUNT), out]);
  await sender.event('done', undefined, 60_000);
  await settled(listener, COUNT);
  const arrivals = await dump(rig, listener);
  const fsyncs = counter.read() - before;
  for (const each of [sender, bridge, listener]) await rig.end(each);
  return { ...match(readStamps(out), arrivals, WARM, 'value'), fsyncs };
}

/** The milliseconds of a journal entry with its fsync, at the same rate. */
async function journalAlone(rig: Rig): Promise<number[]> {
  const program = rig.journal(RATE, JOURNAL_COUNT);
  const { us } = await program.event('floor', undefined, 60_000);
  await rig.end(program);
  return (us as number[]).map((each) => each / 1000);
}

export const commands: Bench = {
  name: 'commands',
  what: 'a command from its MQTT publish to a ROS subscriber, checked and recorded, against a bare MQTT.js + rclnodejs bridge',
  run: async ({ rig, rounds, seed, say }): Promise<Findings> => {
    const runs: Record<Way, Awaited<ReturnType<typeof commandsThrough>>[]> = { agent: [], bare: [] };
    const journal: number[][] = [];
    for (let round = 0; round < rounds; round++) {
      journal.push(await journalAlone(rig));
      for (const way of shuffled(['agent', 'bare'] as const, seed + round)) {
        const run = await commandsThrough(rig, way);
        runs[way].push(run);
        const [p50, p99] = [quantile(run.latenciesMs, 0.5), quantile(run.latenciesMs, 0.99)];
        say(`round ${round + 1} ${way}: p50 ${p50.toFixed(3)} ms, p99 ${p99.toFixed(3)} ms, ${run.lost} lost`);
      }
    }
    const of = (way: Way) => ({
      p50_ms: median(runs[way].map(({ latenciesMs }) => quantile(latenciesMs, 0.5))),
      p99_ms: median(runs[way].map(({ latenciesMs }) => quantile(latenciesMs, 0.99))),
      lost: runs[way].map(({ lost }) => lost),
      fsyncs_per_command: median(runs[way].map((run) => run.fsyncs / COUNT)),
    });
    const journalMs = median(journal.map((each) => quantile(each, 0.5)));
    const [agent, bare] = [of('agent'), of('bare')];
    const ratios = { p50: agent.p50_ms / bare.p50_ms, p50_without_journal: (agent.p50_ms - journalMs) / bare.p50_ms };
    return {
      figures: { per_second: RATE, agent, bare, journal_p50_ms: journalMs, ratios },
      targets: [
        { name: 'p50 without the journal’s fsync / bare bridge', value: ratios.p50_without_journal, atMost: 1.3 },
        { name: 'commands lost', value: Math.max(...agent.lost), atMost: 0 },
      ],
    };
  },
};

const ALERTS_PER_S = 100;
const SECONDS = 10;
const COMMANDS_PER_S = 1_000;
/** Ten thousand results are sent after the flood. */
const ANSWERED_WITHIN_MS = 60_000;

interface Flooded {
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly lost: number;
  readonly rssMb: readonly [before: number, after: number];
  readonly statuses: Readonly<Record<string, number>>;
}

async function alerts(rig: Rig, isFlooded: boolean): Promise<Flooded> {
  const subscriber = rig.node('subscriber.mjs', [ALARM.channel, MQTT_TOPIC]);
  const listener = rig.node('listen.mjs', [COMMAND_TOPIC]);
  await Promise.all([subscriber.event('connected'), listener.event('connected')]);
  const agent = rig.agent();
  await agent.event('connected');
  const load = startLoad(rig, ALARM, { rate: ALERTS_PER_S, seconds: SECONDS });
  await load.program.event('started', undefined, 30_000);
  const before = rssMb(agent.pid);
  const sender = isFlooded
    ? rig.node('sendCommands.mjs', [String(COMMANDS_PER_S), String(COMMANDS_PER_S * SECONDS), rig.fresh('stamps')])
    : undefined;
  const done = await load.program.event('done', undefined, 120_000);
  await settled(subscriber, Number(done.count));
  const arrivals = await dump(rig, subscriber);
  const after = rssMb(agent.pid);
  const statuses = sender ? await answered(sender) : {};
  load.program.order('enough');
  for (const each of [load.program, ...(sender ? [sender] : []), agent, listener, subscriber]) await rig.end(each);
  const { latenciesMs, lost } = match(load.stamps(), arrivals, Number(done.warm), 'order');
  return { p50Ms: quantile(latenciesMs, 0.5), p99Ms: quantile(latenciesMs, 0.99), lost, rssMb: [before, after], statuses };
}

/** The status of each command, after all are answered. */
async function answered(sender: ReturnType<Rig['node']>): Promise<Record<string, number>> {
  await sender.event('done', undefined, ANSWERED_WITHIN_MS);
  const untilMs = performance.now() + ANSWERED_WITHIN_MS;
  for (let id = 1; ; id++) {
    sender.order(`results ${id}`);
    const { statuses } = await sender.event('answered', (line) => line.id === id);
    const found = statuses as Record<string, number>;
    const all = Object.values(found).reduce((sum, each) => sum + each, 0);
    if (all >= COMMANDS_PER_S * SECONDS || performance.now() > untilMs) return found;
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
}

export const commandFlood: Bench = {
  name: 'command-flood',
  what: 'alerts while a thousand commands a second come for ten seconds, against alerts without',
  run: async ({ rig, rounds, say }): Promise<Findings> => {
    const calm: Flooded[] = [];
    const flooded: Flooded[] = [];
    for (let round = 0; round < rounds; round++) {
      for (const [name, all] of [
        ['without', calm],
        ['flooded', flooded],
      ] as const) {
        const found = await alerts(rig, all === flooded);
        all.push(found);
        const { p50Ms, p99Ms, rssMb: rss, statuses } = found;
        say(
          `round ${round + 1} ${name}: p50 ${p50Ms.toFixed(2)} ms, p99 ${p99Ms.toFixed(2)} ms, ${rss.map(Math.round).join(' to ')} MB, ${JSON.stringify(statuses)}`,
        );
      }
    }
    const of = (all: readonly Flooded[]) => ({
      p50_ms: median(all.map(({ p50Ms }) => p50Ms)),
      p99_ms: median(all.map(({ p99Ms }) => p99Ms)),
      lost: all.map(({ lost }) => lost),
      rss_mb: all.map(({ rssMb: rss }) => rss),
      results: all.map(({ statuses }) => statuses),
    });
    const sum = (statuses: Readonly<Record<string, number>>) => Object.values(statuses).reduce((total, each) => total + each, 0);
    const ratio = of(flooded).p99_ms / of(calm).p99_ms;
    return {
      figures: {
        alerts_per_s: ALERTS_PER_S,
        commands_per_s: COMMANDS_PER_S,
        without: of(calm),
        flooded: of(flooded),
        ratios: { p99: ratio },
      },
      targets: [
        { name: 'alert p99 under the flood / without', value: ratio, atMost: 2 },
        { name: 'alerts lost', value: Math.max(...of(flooded).lost), atMost: 0 },
        {
          name: 'commands without exactly one answer',
          value: Math.max(...flooded.map(({ statuses }) => Math.abs(COMMANDS_PER_S * SECONDS - sum(statuses)))),
          atMost: 0,
        },
        {
          name: 'commands that ran, of one allowed 600 a minute',
          value: Math.max(...flooded.map(({ statuses }) => statuses.done ?? 0)),
          atMost: 600,
        },
        { name: 'memory grown, MB', value: Math.max(...flooded.map(({ rssMb: [before, after] }) => after - before)), atMost: 100 },
      ],
    };
  },
};
