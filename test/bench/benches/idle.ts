// Compares the idle agent with a plain rclnodejs node at its default spin, both at the same time.
import type { Bench, Findings } from '../bench.ts';
import { median } from '../figures.ts';
import { rssMb, scheduledSeconds } from '../process.ts';

const SECONDS = 30;
/** Excludes the start, whose garbage is collected in this time. The bench `start` measures starts. */
const SETTLE_MS = 65_000;

interface Cost {
  readonly rss_mb: number;
  readonly cpu_percent: number;
}

export const idle: Bench = {
  name: 'idle',
  what: `memory and processor time over ${SECONDS} s without a message`,
  run: async ({ rig, rounds, say }): Promise<Findings> => {
    const costs = new Map<string, Cost[]>();
    for (let round = 0; round < rounds; round++) {
      const programs = { agent: rig.agent({}, undefined, 'shipped'), rclnodejs_spinning: rig.node('idle.mjs', []) };
      for (const program of Object.values(programs)) await program.event('connected');
      await wait(SETTLE_MS);
      const before = Object.values(programs).map(({ pid }) => scheduledSeconds(pid));
      const beganMs = performance.now();
      await wait(SECONDS * 1000);
      const seconds = (performance.now() - beganMs) / 1000;
      for (const [index, [name, program]] of Object.entries(programs).entries()) {
        const cost = {
          rss_mb: rssMb(program.pid),
          cpu_percent: (100 * (scheduledSeconds(program.pid) - (before[index] ?? Number.NaN))) / seconds,
        };
        costs.set(name, [...(costs.get(name) ?? []), cost]);
        say(`round ${round + 1} ${name}: RSS ${cost.rss_mb.toFixed(1)} MB, CPU ${cost.cpu_percent.toFixed(2)} %`);
      }
      for (const program of Object.values(programs)) await rig.end(program);
    }
    const of = (name: string): Cost => ({
      rss_mb: median((costs.get(name) ?? []).map((cost) => cost.rss_mb)),
      cpu_percent: median((costs.get(name) ?? []).map((cost) => cost.cpu_percent)),
    });
    const [agent, bare] = [of('agent'), of('rclnodejs_spinning')];
    const ratios = { rss: agent.rss_mb / bare.rss_mb, cpu: agent.cpu_percent / bare.cpu_percent };
    return {
      figures: { agent, rclnodejs_spinning: bare, ratios },
      targets: [
        { name: 'RSS / node + rclnodejs spinning', value: ratios.rss, atMost: 1.15 },
        { name: 'CPU / its default spin', value: ratios.cpu, atMost: 0.25 },
      ],
    };
  },
};

function wait(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
