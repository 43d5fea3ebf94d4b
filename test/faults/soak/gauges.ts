// Samples the memory, open files and disk use of the agent between rounds, and computes their growth.
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { rssMb } from '../../bench/process.ts';

export interface Sample {
  /** Hours since the soak began. */
  readonly atH: number;
  /** Identifies one run of the agent. */
  readonly pid: number;
  readonly rssMb: number;
  readonly fds: number;
  readonly diskMb: number;
}

export function sampled(atH: number, pid: number, folder: string): Sample {
  return { atH, pid, rssMb: rssMb(pid), fds: readdirSync(`/proc/${pid}/fd`).length, diskMb: bytesIn(folder) / 1024 ** 2 };
}

/** Growth per hour by least squares; null for fewer than three samples. */
export function slopePerHour(points: readonly (readonly [atH: number, value: number])[]): number | null {
  if (points.length < 3) return null;
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const [atMean, valueMean] = [mean(points.map(([atH]) => atH)), mean(points.map(([, value]) => value))];
  let [together, alone] = [0, 0];
  for (const [atH, value] of points) {
    together += (atH - atMean) * (value - valueMean);
    alone += (atH - atMean) ** 2;
  }
  return alone === 0 ? null : together / alone;
}

/** Bytes of the used disk blocks. */
function bytesIn(folder: string): number {
  let bytes = 0;
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) bytes += bytesIn(path);
    else bytes += (statSync(path, { throwIfNoEntry: false })?.blocks ?? 0) * 512;
  }
  return bytes;
}
