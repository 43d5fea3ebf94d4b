// Starts an agent on a full outbox and measures the time and the bytes of the drain.

import type { Program } from '../../scripts/lab/program.ts';
import { askStatus } from '../../src/status/index.ts';
import { bytesSentTo, cpuSeconds } from './process.ts';
import type { Rig } from './rig.ts';

const LOOK_EVERY_MS = 10;
const PATIENCE_MS = 120_000;

export interface Drained {
  readonly seconds: number;
  readonly wireBytes: number;
  readonly cpuSeconds: number;
}

/** Waits until `rows` rows are acknowledged. The time counts from the connect. */
export async function drained(rig: Rig, agent: Program, stateDir: string, rows: number): Promise<Drained> {
  await agent.event('connected');
  const beganMs = performance.now();
  const cpuBefore = cpuSeconds(agent.pid);
  for (;;) {
    const status = await askStatus(stateDir).catch(() => undefined);
    const nowMs = performance.now();
    if ((status?.delivered.acknowledged_rows ?? 0) >= rows) {
      const cost = cpuSeconds(agent.pid) - cpuBefore;
      return { seconds: (nowMs - beganMs) / 1000, wireBytes: bytesSentTo(agent.pid, rig.broker.port), cpuSeconds: cost };
    }
    if (nowMs - beganMs > PATIENCE_MS)
      throw new Error(`only ${status?.delivered.acknowledged_rows} of ${rows} rows drained in ${PATIENCE_MS} ms`);
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
  }
}
