// The real uplink with a real outbox for tests that bring their own broker. Its deadlines are short, because the tests are about the time
// after them.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { type Clock, systemClock } from '../../src/clock/index.ts';
import { type BenchFiles, readCredentials } from '../../src/identity/index.ts';
import { type Db, type Outbox, openOutbox } from '../../src/outbox/index.ts';
import { Lifetime } from '../../src/state/index.ts';
import { type ProblemCode, Problems } from '../../src/status/index.ts';
import { Uplink, UplinkMemory, type UplinkOptions } from '../../src/uplink/index.ts';

/**
 * Deadlines that no busy machine exceeds, so that only a silent broker raises a problem; and a backoff in which such a machine connects and
 * sends what is not held back.
 */
export const PATIENT = { connectTimeoutMs: 20_000, ackTimeoutMs: 20_000, backoff: { minMs: 100, spreadMs: 1_000, maxMs: 1_000 } };

export interface UplinkBench {
  readonly outbox: Outbox;
  readonly db: Db;
  readonly lifetime: Lifetime;
  readonly clock: Clock;
  readonly uplink: Uplink;
  readonly problems: Problems;
  /** Codes of problems that are raised now, also of those that would be shown only after a delay. */
  readonly present: Pick<ReadonlySet<ProblemCode>, 'has'>;
  /** Codes of problems in the order in which they were raised. */
  readonly raised: ProblemCode[];
  /** The latest text of each problem that was raised, by code. */
  readonly texts: ReadonlyMap<ProblemCode, string>;
  stop(): Promise<void>;
}

export interface UplinkBenchOptions extends Partial<UplinkOptions> {
  /** The size of the outbox. */
  readonly maxBytes?: number;
  readonly outboxId?: string;
  /** The state directory, which stays after the stop. Without it, the bench has a temporary one. */
  readonly stateDir?: string;
}

export function startUplink(files: BenchFiles, port: number, options: UplinkBenchOptions = {}): UplinkBench {
  const { maxBytes = 64 * 1024 ** 2, outboxId: id = 'box', stateDir, clock = systemClock(0), ...over } = options;
  const folder = stateDir ?? mkdtempSync(join(tmpdir(), 'elderly-bot-uplink-'));
  const lifetime = Lifetime.begin(folder);
  const { db, outbox } = openOutbox({ stateDir: folder, maxBytes, clock, lifetime, id, groupMs: 20 });
  /** By code and subject. */
  const standing = new Map<string, ProblemCode>();
  const raised: ProblemCode[] = [];
  const texts = new Map<ProblemCode, string>();
  // Also records problems that would be shown only after a delay.
  class Raised extends Problems {
    override raise(...problem: Parameters<Problems['raise']>): void {
      const [code, text, subject = ''] = problem;
      raised.push(code);
      standing.set(`${code}/${subject}`, code);
      texts.set(code, text);
      super.raise(...problem);
    }

    override clear(...problem: Parameters<Problems['clear']>): void {
      const [code, subject = ''] = problem;
      standing.delete(`${code}/${subject}`);
      super.clear(...problem);
    }
  }
  const problems = new Raised(
    () => clock.mono(),
    () => {},
  );
  const uplink = new Uplink({
    thing: 'elderly-bot',
    topicPrefix: 'elderly_bot',
    host: 'localhost',
    port,
    credentials: readCredentials({ rootCa: files.ca, certFile: files.robot.cert, privateKey: files.robot.key }),
    version: 'test',
    intervalMs: 20,
    keepaliveMs: 2_000,
    connectTimeoutMs: 400,
    ackTimeoutMs: 150,
    alertTimeoutMs: 10_000,
    interfaces: [],
    window: 20,
    backoff: { minMs: 5, spreadMs: 50, maxMs: 50 },
    quota: { messagesPerSecond: null, bytesPerSecond: null },
    budget: null,
    memory: new UplinkMemory(folder),
    outbox,
    clock,
    lifetime,
    problems,
    log: pino({ level: 'silent' }),
    commands: [],
    channels: () => [],
    onCommand: () => {},
    onLinkLost: () => {},
    onAck: () => {},
    ...over,
  });
  outbox.wakeOn(() => uplink.wake());
  const stopping = new AbortController();
  const running = uplink.run(stopping.signal);
  return {
    outbox,
    db,
    lifetime,
    clock,
    uplink,
    problems,
    present: { has: (code) => [...standing.values()].includes(code) },
    raised,
    texts,
    async stop() {
      stopping.abort();
      await running;
      outbox.close();
      db.close();
      if (stateDir === undefined) rmSync(folder, { recursive: true });
    },
  };
}
