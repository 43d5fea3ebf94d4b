// Notifies the service manager by datagrams on the socket that it names (sd_notify(3)): ready, alive, reloading, stopping, and a status
// line. Without such a socket nothing is sent. The datagrams need unix-dgram: Node has none on Unix sockets.
import { createRequire } from 'node:module';

export interface ServiceManager {
  /** Milliseconds without a ping after which the manager restarts the process; undefined: it does not watch. */
  readonly watchdogMs: number | undefined;
  /** Sends lines such as `READY=1` in one datagram. Never throws, never waits. A datagram that does not arrive is not repeated. */
  notify(...lines: readonly string[]): void;
  close(): void;
}

/** The part of unix-dgram that is used here. */
interface Datagrams {
  createSocket(type: 'unix_dgram'): {
    on(event: 'error', listener: (error: Error) => void): void;
    send(bytes: Buffer, offset: number, length: number, path: string, done: (error?: Error) => void): void;
    close(): void;
  };
}

const ABSENT: ServiceManager = { watchdogMs: undefined, notify: () => {}, close: () => {} };

/**
 * @param env has NOTIFY_SOCKET, and WATCHDOG_USEC if systemd watches.
 * @param onTrouble called if no datagram can be sent at all; systemd then takes the start as failed.
 */
export function serviceManager(env: NodeJS.ProcessEnv, onTrouble: (error: unknown) => void): ServiceManager {
  const path = socketAddress(env.NOTIFY_SOCKET);
  if (path === undefined) return ABSENT;
  try {
    const { createSocket } = createRequire(import.meta.url)('unix-dgram') as Datagrams;
    const socket = createSocket('unix_dgram');
    socket.on('error', onTrouble);
    return {
      watchdogMs: watchdogMs(env),
      notify: (...lines) => {
        const bytes = Buffer.from(lines.join('\n'));
        // The socket is full or the manager restarts: a later datagram arrives.
        socket.send(bytes, 0, bytes.length, path, () => {});
      },
      close: () => socket.close(),
    };
  } catch (error) {
    onTrouble(error);
    return ABSENT;
  }
}

/** An address `@name` is an abstract socket. */
function socketAddress(given: string | undefined): string | undefined {
  if (given?.startsWith('@')) return `\0${given.slice(1)}`;
  return given?.startsWith('/') ? given : undefined;
}

/** A child of the watched process inherits WATCHDOG_USEC, but WATCHDOG_PID names the process that has to ping. */
function watchdogMs(env: NodeJS.ProcessEnv): number | undefined {
  const micros = Number(env.WATCHDOG_USEC);
  const isMine = env.WATCHDOG_PID === undefined || Number(env.WATCHDOG_PID) === process.pid;
  return isMine && micros > 0 ? micros / 1_000 : undefined;
}

/** @returns the lines that begin a reload. The next READY=1 ends it. */
export function reloading(): string[] {
  return ['RELOADING=1', `MONOTONIC_USEC=${process.hrtime.bigint() / 1_000n}`];
}
