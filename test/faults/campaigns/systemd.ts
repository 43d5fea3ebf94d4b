// What a robot's machine does to its service, in a real systemd: each run does every kind of it once, in an order of its own, while a node
// publishes. After each the agent is back by itself, says why, and holds every row it ever took; nothing confirms any here.
import { renameSync, rmSync, writeFileSync } from 'node:fs';
import { claimDomain } from '../../support/domain.ts';
import { findMosquitto } from '../../support/mosquitto.ts';
import { readOutboxFile } from '../../support/outboxFile.ts';
import { RosPeer, rosUnavailable } from '../../support/ros.ts';
import { ServiceBench, STATE, UNIT } from '../../support/service.ts';
import { ROBOT_USER, systemdMissing } from '../../support/systemd.ts';
import type { Campaign, Context, Outcome } from '../campaign.ts';

export const systemd: Campaign = {
  name: 'systemd',
  what: 'hang, kill -9, no memory, a crash loop, stop under load, start without network, reload, in a real systemd',
  defaultRuns: 10,
  missing: () => systemdMissing() || rosUnavailable() || (findMosquitto() ? false : 'no Mosquitto: apt-get install mosquitto'),
  run: runSystemd,
};

const STOP_WITHIN_MS = 10_000;
const LOAD = { topic: '/steps', type: 'std_msgs/msg/Int32', perSecond: 500 };
const TOO_LITTLE = `/etc/systemd/system/${UNIT}.d/memory.conf`;

type Kind = (bench: ServiceBench) => Promise<string>;

/** Each ends with the agent running again. @returns why it says that its last run ended. */
const KINDS: Readonly<Record<string, { readonly does: Kind; readonly causes: readonly string[] }>> = {
  hang: { does: (bench) => signalled(bench, 'SIGSTOP'), causes: ['watchdog'] },
  kill: { does: (bench) => signalled(bench, 'SIGKILL'), causes: ['crash'] },
  // Only with control groups of version 2 systemd knows who killed it.
  no_memory: { does: noMemory, causes: ['oom', 'crash'] },
  crash_loop: { does: crashLoop, causes: ['crash', 'clean', 'failed_start'] },
  stop: { does: stopUnderLoad, causes: ['clean'] },
  start_offline: { does: startOffline, causes: ['clean'] },
  reload: { does: reload, causes: [] },
};

async function runSystemd({ runs, random, say }: Context): Promise<Outcome> {
  const domain = await claimDomain();
  const bench = await ServiceBench.start(domain);
  const robot = await RosPeer.start('robot', domain.env, ROBOT_USER.id);
  const failures: string[] = [];
  const slowest: Record<string, number> = {};
  let lost = 0;
  let doubled = 0;
  let accepted = 0;
  try {
    bench.install();
    await robot.advertise(LOAD.topic, LOAD.type);
    for (let run = 1; run <= runs; run++) {
      for (const name of shuffled(Object.keys(KINDS), random.between)) {
        const kind = KINDS[name];
        if (!kind) continue;
        await robot.matched(LOAD.topic);
        const load = robot.burst(LOAD.topic, LOAD.type, LOAD.perSecond, LOAD.perSecond);
        const startedMs = performance.now();
        try {
          const cause = await kind.does(bench);
          if (kind.causes.length > 0 && !kind.causes.includes(cause)) failures.push(`run ${run}, ${name}: its last run was ${cause}`);
        } catch (error) {
          failures.push(`run ${run}, ${name}: ${error instanceof Error ? error.message : String(error)}`);
        }
        slowest[name] = Math.max(slowest[name] ?? 0, Math.round(performance.now() - startedMs));
        await load;
      }
      bench.lab.must('systemctl', 'stop', UNIT);
      const file = readOutboxFile(bench.lab.path(STATE));
      accepted = [...file.accepted.values()].reduce((sum, last) => sum + last, 0);
      const names = new Set(file.rows.map(({ outbox, seq }) => `${outbox}/${seq}`));
      lost = accepted - names.size;
      doubled = file.rows.length - names.size;
      if (file.integrity !== 'ok') failures.push(`run ${run}: the outbox file: ${file.integrity}`);
      say(`run ${run}: ${accepted} rows taken, ${names.size} held, ${failures.length} failures`);
      bench.lab.must('systemctl', 'start', UNIT);
    }
  } finally {
    await robot.close();
    await bench.stop();
    await domain.release();
  }
  return { runs, lost, doubled, failures, figures: { accepted, slowest_ms: slowest } };
}

async function signalled(bench: ServiceBench, signal: NodeJS.Signals): Promise<string> {
  const { pid } = bench;
  process.kill(pid, signal);
  await bench.restartedAfter(pid);
  return cause(bench);
}

async function noMemory(bench: ServiceBench): Promise<string> {
  writeFileSync(bench.lab.path(TOO_LITTLE), '[Service]\nMemoryHigh=infinity\nMemoryMax=24M\n');
  bench.lab.must('systemctl', 'daemon-reload');
  process.kill(bench.pid, 'SIGKILL');
  await restarts(bench, 2);
  rmSync(bench.lab.path(TOO_LITTLE));
  bench.lab.must('systemctl', 'daemon-reload');
  await bench.restartedAfter(0);
  return cause(bench);
}

async function crashLoop(bench: ServiceBench): Promise<string> {
  const certificate = bench.lab.path('/etc/elderly-bot/certs/robot.crt.pem');
  renameSync(certificate, `${certificate}.away`);
  process.kill(bench.pid, 'SIGKILL');
  await restarts(bench, 3);
  renameSync(`${certificate}.away`, certificate);
  await bench.restartedAfter(0);
  return cause(bench);
}

async function stopUnderLoad(bench: ServiceBench): Promise<string> {
  const startedMs = performance.now();
  bench.lab.must('systemctl', 'stop', UNIT);
  const tookMs = performance.now() - startedMs;
  bench.lab.must('systemctl', 'start', UNIT);
  if (tookMs > STOP_WITHIN_MS) throw new Error(`the stop took ${Math.round(tookMs)} ms`);
  return cause(bench);
}

async function startOffline(bench: ServiceBench): Promise<string> {
  bench.lab.must('systemctl', 'stop', UNIT);
  await bench.broker.kill();
  bench.lab.must('systemctl', 'start', UNIT);
  const why = await cause(bench);
  await bench.broker.restart();
  await bench.status(({ link: { state } }) => state === 'connected');
  return why;
}

async function reload(bench: ServiceBench): Promise<string> {
  const { pid } = bench;
  bench.lab.must('systemctl', 'reload', UNIT);
  if (bench.pid !== pid) throw new Error('the reload restarted it');
  return 'none';
}

async function restarts(bench: ServiceBench, more: number): Promise<void> {
  const count = () => Number(bench.lab.properties(UNIT, 'NRestarts').NRestarts);
  const before = count();
  await bench.lab.until(() => count() >= before + more, 60_000);
}

async function cause(bench: ServiceBench): Promise<string> {
  return String((await bench.status(({ last_run: last }) => last !== null)).last_run?.cause);
}

function shuffled<T>(items: readonly T[], between: (first: number, last: number) => number): T[] {
  const left = [...items];
  return items.flatMap(() => left.splice(between(0, left.length - 1), 1));
}
