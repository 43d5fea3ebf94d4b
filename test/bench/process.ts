// What a process costs, from /proc: processor time and resident memory. Linux only, as the benches are.
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';

/** USER_HZ is 100 on every Linux that runs Node. */
const TICKS_PER_SECOND = 100;

/** Seconds of processor time, user and system, all threads. */
export function cpuSeconds(pid: number): number {
  const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}

/** The same by the scheduler's count, in nanoseconds and not in ticks of 10 ms: for what hardly runs. Threads that ended are not in it. */
export function scheduledSeconds(pid: number): number {
  const threads = readdirSync(`/proc/${pid}/task`);
  const ns = threads.map((thread) => Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ')[0]));
  return ns.reduce((sum, each) => sum + each, 0) / 1e9;
}

export function rssMb(pid: number): number {
  const kib = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return Number(kib) / 1024;
}

/** Bytes a process has sent over its established TCP connection to a port, TLS and all, by the kernel's count. */
export function bytesSentTo(pid: number, port: number): number {
  const text = execFileSync('ss', ['-tinpH', 'state', 'established', `dport = :${port}`], { encoding: 'utf8' });
  const mine = text.split(/\n(?=\S)/).find((socket) => socket.includes(`pid=${pid},`));
  return Number(/bytes_sent:(\d+)/.exec(mine ?? '')?.[1] ?? Number.NaN);
}
