// What the service manager is told, in datagrams on the socket it names (sd_notify(3)): ready, alive, reloading, stopping, and a line
// for a person. Without such a socket, on a bench, nothing is said. unix-dgram, since Node itself has no datagrams on Unix sockets.
import { createRequire } from 'node:module';

export interface ServiceManager {
  /** It restarts what it has not heard of for this long, in milliseconds; undefined: it does not watch. */
  readonly watchdogMs: number | undefined;
  /** Lines such as `READY=1`, in one datagram. Never throws, never waits: what can't be said is said with the next one. */
  tell(...lines: readonly string[]): void;
  close(): void;
}

/** Of unix-dgram, what is used here. */
interface Datagrams {
  createSocket(type: 'unix_dgram'): {
    on(event: 'error', listener: (error: Error) => void): void;
    send(bytes: Buffer, offset: number, length: number, path: string, done: (error?: Error) => void): void;
    close(): void;
  };
}

const SILENT: ServiceManager = { watchdogMs: undefined, tell: () => {}, close: () => {} };

/**
 * @param env NOTIFY_SOCKET, and WATCHDOG_USEC where systemd watches.
 * @param onTrouble told once where nothing can be said at all; systemd then takes the start as failed.
 */
export function serviceManager(env: NodeJS.ProcessEnv, onTrouble: (error: unknown) => void): ServiceManager {
  const path = socketAddress(env.NOTIFY_SOCKET);
  if (path === undefined) return SILENT;
  try {
    const { createSocket } = createRequire(import.meta.url)('unix-dgram') as Datagrams;
    const socket = createSocket('unix_dgram');
    socket.on('error', onTrouble);
    return {
      watchdogMs: watchdogMs(env),
      tell: (...lines) => {
        const bytes = Buffer.from(lines.join('\n'));
        // A full socket or a manager that starts itself anew: the next word gets through.
        socket.send(bytes, 0, bytes.length, path, () => {});
      },
      close: () => socket.close(),
    };
  } catch (error) {
    onTrouble(error);
    return SILENT;
  }
}

/** `@name` is an abstract socket. */
function socketAddress(given: string | undefined): string | undefined {
  if (given?.startsWith('@')) return `\0${given.slice(1)}`;
  return given?.startsWith('/') ? given : undefined;
}

/** WATCHDOG_PID says whom it is for: what a watched process starts inherits the variable, not the duty. */
function watchdogMs(env: NodeJS.ProcessEnv): number | undefined {
  const micros = Number(env.WATCHDOG_USEC);
  const isMine = env.WATCHDOG_PID === undefined || Number(env.WATCHDOG_PID) === process.pid;
  return isMine && micros > 0 ? micros / 1_000 : undefined;
}

/** What goes with RELOADING=1: systemd takes the READY=1 that comes after it as the end of this reload. */
export function reloading(): string[] {
  return ['RELOADING=1', `MONOTONIC_USEC=${process.hrtime.bigint() / 1_000n}`];
}
