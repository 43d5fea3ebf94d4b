// `npm run demo` shows the whole path on real parts. The link is cut, a fire breaks out offline, and the link returns: the alert is
// delivered first, then the backlog drains. At the end the demo compares three ledgers row by row.
import { parseArgs } from 'node:util';
import { PGlite } from '@electric-sql/pglite';
import { committedReadings, evictedRows, heldReadings } from '../scripts/lab/kept.ts';
import { judge, type Published } from '../scripts/lab/ledgers.ts';
import type { LogLine } from '../scripts/lab/program.ts';
import { askStatus, type Status } from '../src/status/index.ts';
import { Caregiver } from './caregiver.ts';
import { Screen } from './screen.ts';
import { startWorld, type World } from './world.ts';

const HELP = `npm run demo -- [--for 45s] [--json]
  --for    end after this time, at least 20s (default: until Ctrl-C at a terminal, else 45s)
  --json   print one last line of JSON on stdout`;

const DEFAULT_SECONDS = 45;
const SHORTEST_SECONDS = 20;
const QUIET_WITHIN_MS = 60_000;
const COMMAND_EVERY_S = 4;

/** The moments of the events, as parts of the whole time (45 s if the demo has no end). */
const PLOT = { fall: 0.15, upAgain: 0.25, cut: 0.35, fire: 0.45, back: 0.65, fireOut: 0.75 };

class UsageError extends Error {}

function readArguments(): { seconds: number | undefined; json: boolean } {
  let values: { for?: string | undefined; json?: boolean | undefined; help?: boolean | undefined };
  try {
    ({ values } = parseArgs({ options: { for: { type: 'string' }, json: { type: 'boolean' }, help: { type: 'boolean' } } }));
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
  if (values.help) {
    process.stdout.write(`${HELP}\n`);
    process.exit(0);
  }
  const text = values.for ?? (process.stderr.isTTY ? undefined : `${DEFAULT_SECONDS}s`);
  const match = text === undefined ? undefined : /^(\d+)(s|m)$/.exec(text);
  if (match === null) throw new UsageError(`--for ${text}: expected a time such as 45s or 2m`);
  const seconds = match && Number(match[1]) * (match[2] === 'm' ? 60 : 1);
  if (seconds !== undefined && seconds < SHORTEST_SECONDS)
    throw new UsageError(`--for ${text}: at least ${SHORTEST_SECONDS}s, so that the story fits`);
  return { seconds, json: values.json === true };
}

async function main(): Promise<number> {
  const { seconds, json } = readArguments();
  const screen = new Screen(process.stderr);
  const stopping = new AbortController();
  process
    .on('SIGINT', () => {
      if (stopping.signal.aborted) process.exit(130);
      screen.say('stopping; Ctrl-C again ends it at once');
      stopping.abort();
    })
    .on('SIGTERM', () => stopping.abort());
  let world: World;
  try {
    world = await startWorld((step) => screen.say(`starting ${step}`), stopping.signal);
  } catch (error) {
    if (stopping.signal.aborted) return 130;
    throw error;
  }
  const caregiver = new Caregiver(world);
  try {
    await caregiver.start();
    const outage = await play(world, caregiver, screen, seconds, stopping.signal);
    return await compare(world, caregiver, screen, outage, json);
  } finally {
    await caregiver.stop();
    await world.remove();
  }
}

/** Plays the story until its time has passed or the user presses Ctrl-C. @returns how long the link was cut, in seconds. */
async function play(world: World, caregiver: Caregiver, screen: Screen, seconds: number | undefined, signal: AbortSignal): Promise<number> {
  const unit = seconds ?? DEFAULT_SECONDS;
  const startedMs = performance.now();
  const elapsed = () => (performance.now() - startedMs) / 1000;
  let act = 'all is well';
  let cutAt = 0;
  let outageSeconds = 0;
  const hazard = (name: string, value: boolean) => {
    world.sensors.order(`${name} ${value}`);
    caregiver.expect(name, value);
  };
  const plot: [number, () => void | Promise<void>][] = [
    [
      PLOT.fall,
      () => {
        act = 'she falls';
        hazard('fall', true);
      },
    ],
    [
      PLOT.upAgain,
      () => {
        act = 'she is up again';
        hazard('fall', false);
      },
    ],
    [
      PLOT.cut,
      async () => {
        act = 'the link is cut';
        cutAt = elapsed();
        await world.cable.pull();
      },
    ],
    [
      PLOT.fire,
      () => {
        act = 'a fire breaks out while the link is cut';
        hazard('fire', true);
      },
    ],
    [
      PLOT.back,
      async () => {
        await world.cable.plug();
        act = 'the link is back: the alert first, then the backlog';
        outageSeconds = elapsed() - cutAt;
        caregiver.linkBack();
      },
    ],
    [
      PLOT.fireOut,
      () => {
        act = 'the fire is out';
        hazard('fire', false);
      },
    ],
  ];
  let lastCommand = 0;
  let buzzer = false;
  while (!signal.aborted && (seconds === undefined || elapsed() < seconds)) {
    while (plot[0] && elapsed() >= plot[0][0] * unit) await plot.shift()?.[1]();
    const status = await statusOf(world);
    // The broker does not keep commands for an offline robot, because they would arrive too late.
    const reaches = status?.link.state === 'connected' && Math.abs(elapsed() / unit - PLOT.cut) > 0.05;
    if (reaches && elapsed() - lastCommand >= COMMAND_EVERY_S) {
      lastCommand = elapsed();
      buzzer = !buzzer;
      caregiver.soundBuzzer(buzzer);
    }
    screen.draw({
      seconds: Math.floor(elapsed()),
      published: published(world).length,
      linkCut: world.cable.pulled,
      act,
      status,
      caregiver,
    });
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
  if (world.cable.pulled) {
    await world.cable.plug();
    outageSeconds = elapsed() - cutAt;
    caregiver.linkBack();
  }
  return Math.round(outageSeconds * 10) / 10;
}

/** Waits until all rows are confirmed, stops the programs, and compares the ledgers. @returns the exit code. */
async function compare(world: World, caregiver: Caregiver, screen: Screen, outageS: number, json: boolean): Promise<number> {
  screen.say('waiting until everything is confirmed');
  world.sensors.order('stop');
  await world.sensors.event('stopped');
  const deadlineMs = performance.now() + QUIET_WITHIN_MS;
  const isQuiet = async () => {
    const status = await statusOf(world);
    const received = status?.channels.reduce((sum, channel) => sum + channel.messages, 0);
    return (
      received === published(world).length &&
      status?.outbox.unconfirmed === 0 &&
      caregiver.waitingFor === 0 &&
      caregiver.answered === caregiver.sent.size
    );
  };
  while (!(await isQuiet()) && performance.now() < deadlineMs) await new Promise((resolve) => setTimeout(resolve, 100));
  await world.agent.stop();
  await world.cloud.stop();
  const database = await PGlite.create(world.cloudDir);
  const verdict = judge(published(world), heldReadings(world.stateDir), await committedReadings(database), await evictedRows(database));
  await database.close();
  const latencies = caregiver.seen.map(({ latencyMs }) => latencyMs).sort((a, b) => a - b);
  const quantile = (q: number) => latencies[Math.min(latencies.length - 1, Math.floor(q * latencies.length))] ?? null;
  const report = {
    readings: verdict.published,
    committed: verdict.committed,
    held: verdict.held,
    missing: verdict.lost,
    evicted: verdict.evicted,
    duplicates: verdict.doubled,
    alerts: { count: caregiver.seen.length, p50_ms: quantile(0.5), p99_ms: quantile(0.99) },
    commands: { sent: caregiver.sent.size, done: caregiver.done },
    outage_s: outageS,
  };
  const unanswered = caregiver.sent.size - caregiver.answered;
  const good =
    verdict.published === verdict.committed + verdict.held + verdict.evicted &&
    verdict.lost === 0 &&
    verdict.doubled === 0 &&
    unanswered === 0 &&
    caregiver.waitingFor === 0;
  screen.say(
    `${report.readings} readings published, ${report.committed} in the database, ${report.held} held, ${report.evicted} evicted, ${report.missing} missing, ${report.duplicates} twice; ` +
      `${report.alerts.count} alerts, p50 ${report.alerts.p50_ms} ms; ${report.commands.done} of ${report.commands.sent} commands done; link cut for ${outageS} s`,
  );
  if (!good)
    screen.say(`the ledgers differ: ${[...verdict.examples, unanswered > 0 ? `${unanswered} commands unanswered` : ''].join('; ')}`);
  if (json) process.stdout.write(`${JSON.stringify(report)}\n`);
  return good ? 0 : 1;
}

function published(world: World): (Published & LogLine)[] {
  return world.sensors.lines.filter((line): line is Published & LogLine => line.event === 'published');
}

async function statusOf(world: World): Promise<Status | undefined> {
  try {
    return await askStatus(world.stateDir);
  } catch {
    return undefined;
  }
}

try {
  process.exitCode = await main();
} catch (error) {
  process.stderr.write(
    error instanceof UsageError
      ? `${error.message}\n${HELP}\n`
      : `the demo failed: ${error instanceof Error ? error.message : String(error)}\n`,
  );
  process.exitCode = error instanceof UsageError ? 2 : 1;
}
