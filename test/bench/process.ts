// Reads a process's CPU time and resident memory from /proc. Linux only, like the benches.
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';

/** USER_HZ is 100 on every Linux that runs Node.js. */
const TICKS_PER_SECOND = 100;

/** Seconds of CPU time, user and system, of all threads. */
export function cpuSeconds(pid: number): number {
  return (ticks(pid, 11) + ticks(pid, 12)) / TICKS_PER_SECOND;
}

/** @param field counted from 0 after the program's name: `utime` 11, `stime` 12, and 13 and 14 for the children that were waited for. */
function ticks(pid: number, field: number): number {
  const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
  return Number(text.slice(text.lastIndexOf(')') + 2).split(' ')[field]);
}

/** CPU time of a server with its child processes, the ended ones included. */
export function cpuSecondsOfServer(pid: number): number {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').filter(Boolean).map(Number);
  const ended = ticks(pid, 13) + ticks(pid, 14);
  return ended / TICKS_PER_SECOND + [pid, ...children].reduce((sum, each) => sum + secondsIfThere(each), 0);
}

/** A child may end between the list and the look. Its time is then missing until the next look. */
function secondsIfThere(pid: number): number {
  try {
    return cpuSeconds(pid);
  } catch {
    return 0;
  }
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
  return statusMb(pid, 'VmRSS');
}

/** The highest resident memory since the start of the process. */
export function peakRssMb(pid: number): number {
  return statusMb(pid, 'VmHWM');
}

function statusMb(pid: number, name: string): number {
  const kib = new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return Number(kib) / 1024;
}

/** Bytes that a process has sent over its TCP connection to a port, including TLS, by the kernel's count. */
export function bytesSentTo(pid: number, port: number): number {
  const text = execFileSync('ss', ['-tinpH', 'state', 'established', `dport = :${port}`], { encoding: 'utf8' });
  const mine = text.split(/\n(?=\S)/).find((socket) => socket.includes(`pid=${pid},`));
  return Number(/bytes_sent:(\d+)/.exec(mine ?? '')?.[1] ?? Number.NaN);
}
