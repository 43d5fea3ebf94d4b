// Notifies the service manager by datagrams on the socket in NOTIFY_SOCKET (sd_notify(3)): ready, alive, reloading, stopping, and a status
// line. Sends nothing without that variable. The datagrams need unix-dgram, because Node.js has no Unix datagram sockets.
import { createRequire } from 'node:module';

export interface ServiceManager {
  /** Milliseconds without a ping after which the manager restarts the process. Undefined if its watchdog is off. */
  readonly watchdogMs: number | undefined;
  /** Sends lines such as `READY=1` in one datagram. Never throws and never waits. A lost datagram is not repeated. */
  notify(...lines: readonly string[]): void;
  close(): void;
}

/** The used part of unix-dgram. */
interface Datagrams {
  createSocket(type: 'unix_dgram'): {
    on(event: 'error', listener: (error: Error) => void): void;
    send(bytes: Buffer, offset: number, length: number, path: string, done: (error?: Error) => void): void;
    close(): void;
  };
}

const ABSENT: ServiceManager = { watchdogMs: undefined, notify: () => {}, close: () => {} };

/**
 * @param env contains NOTIFY_SOCKET, and WATCHDOG_USEC if the watchdog is on.
 * @param onError is called if no datagram can be sent. systemd then treats the start as failed.
 */
export function serviceManager(env: NodeJS.ProcessEnv, onError: (error: unknown) => void): ServiceManager {
  const path = socketAddress(env.NOTIFY_SOCKET);
  if (path === undefined) return ABSENT;
  try {
    const { createSocket } = createRequire(import.meta.url)('unix-dgram') as Datagrams;
    const socket = createSocket('unix_dgram');
    socket.on('error', onError);
    return {
      watchdogMs: watchdogMs(env),
      notify: (...lines) => {
        const bytes = Buffer.from(lines.join('\n'));
        // Ignores errors. The socket is full or the manager restarts, and a later datagram arrives.
        socket.send(bytes, 0, bytes.length, path, () => {});
      },
      close: () => socket.close(),
    };
  } catch (error) {
    onError(error);
    return ABSENT;
  }
}

/** `@name` is the address of an abstract socket. */
function socketAddress(given: string | undefined): string | undefined {
  if (given?.startsWith('@')) return `\0${given.slice(1)}`;
  return given?.startsWith('/') ? given : undefined;
}

/** A child of the watched process inherits WATCHDOG_USEC, but only the process in WATCHDOG_PID must ping. */
function watchdogMs(env: NodeJS.ProcessEnv): number | undefined {
  const micros = Number(env.WATCHDOG_USEC);
  const isMine = env.WATCHDOG_PID === undefined || Number(env.WATCHDOG_PID) === process.pid;
  return isMine && micros > 0 ? micros / 1_000 : undefined;
}

/** @returns the lines that begin a reload. The next READY=1 ends it. */
export function reloading(): string[] {
  return ['RELOADING=1', `MONOTONIC_USEC=${process.hrtime.bigint() / 1_000n}`];
}
