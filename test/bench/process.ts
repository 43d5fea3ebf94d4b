// Reads a process's CPU time and resident memory from /proc. Linux only, like the benches.
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';

/** USER_HZ is 100 on every Linux that runs Node.js. */
const TICKS_PER_SECOND = 100;

/** Seconds of CPU time, user and system, of all threads. */
export function cpuSeconds(pid: number): number {
  const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}

/**
 * CPU time by the scheduler's count, in nanoseconds instead of ticks of 10 ms, for processes that hardly run. Ended threads do not count.
 */
export function scheduledSeconds(pid: number): number {
  const threads = readdirSync(`/proc/${pid}/task`);
  const ns = threads.map((thread) => Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ')[0]));
  return ns.reduce((sum, each) => sum + each, 0) / 1e9;
}

export function rssMb(pid: number): number {
  const kib = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return Number(kib) / 1024;
}

/** Bytes that a process has sent over its TCP connection to a port, including TLS, by the kernel's count. */
export function bytesSentTo(pid: number, port: number): number {
  const text = execFileSync('ss', ['-tinpH', 'state', 'established', `dport = :${port}`], { encoding: 'utf8' });
  const mine = text.split(/\n(?=\S)/).find((socket) => socket.includes(`pid=${pid},`));
  return Number(/bytes_sent:(\d+)/.exec(mine ?? '')?.[1] ?? Number.NaN);
}
