// Tells the service manager that the agent is ready, alive, reloading or stopping, by sending datagrams to the Unix socket that
// NOTIFY_SOCKET names (sd_notify(3)). Sends nothing if that variable is not set. Uses unix-dgram, because Node.js has no Unix datagram
// sockets.
import { createRequire } from 'node:module';
import { visible } from '../base/index.ts';

export interface ServiceManager {
  /** The manager restarts the process if it receives no ping for this many milliseconds. Undefined if its watchdog is off. */
  readonly watchdogMs: number | undefined;
  /** Sends lines such as `READY=1` in one datagram. Never throws and never waits. A lost datagram is not sent again. */
  notify(...lines: readonly string[]): void;
  close(): void;
}

/** The part of unix-dgram's API that is used here. */
interface Datagrams {
  createSocket(type: 'unix_dgram'): {
    on(event: 'error', listener: (error: Error) => void): void;
    send(bytes: Buffer, offset: number, length: number, path: string, done: (error?: Error) => void): void;
    close(): void;
  };
}

const ABSENT: ServiceManager = { watchdogMs: undefined, notify: () => {}, close: () => {} };

/**
 * @param env the environment: systemd sets NOTIFY_SOCKET and, if the watchdog is on, WATCHDOG_USEC.
 * @param onError called if no datagrams can be sent, in which case systemd never receives READY=1 and considers the start failed.
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
        const bytes = Buffer.from(lines.map((line) => visible(line)).join('\n'));
        // Ignore errors: the socket may be full, or the manager may be restarting. A later datagram will get through.
        socket.send(bytes, 0, bytes.length, path, () => {});
      },
      close: () => socket.close(),
    };
  } catch (error) {
    onError(error);
    return ABSENT;
  }
}

/** Converts NOTIFY_SOCKET to an address. A leading `@` stands for the NUL byte that begins the address of an abstract socket. */
function socketAddress(given: string | undefined): string | undefined {
  if (given?.startsWith('@')) return `\0${given.slice(1)}`;
  return given?.startsWith('/') ? given : undefined;
}

/** Child processes inherit WATCHDOG_USEC, but only the process whose id is in WATCHDOG_PID may send pings. */
function watchdogMs(env: NodeJS.ProcessEnv): number | undefined {
  const micros = Number(env.WATCHDOG_USEC);
  const isMine = env.WATCHDOG_PID === undefined || Number(env.WATCHDOG_PID) === process.pid;
  return isMine && micros > 0 ? micros / 1_000 : undefined;
}

/** Returns the lines that announce a reload. Send READY=1 once it has finished. */
export function reloading(): string[] {
  return ['RELOADING=1', `MONOTONIC_USEC=${process.hrtime.bigint() / 1_000n}`];
}
