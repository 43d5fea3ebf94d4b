// Makes a TCP socket that sends only over one network interface. Node.js can only choose a source address, and the kernel then still routes
// by destination, over the preferred interface. SO_BINDTODEVICE chooses the interface itself; since Linux 5.7 it needs no privilege.
import { isIPv6, Socket } from 'node:net';
import { getSystemErrorName } from 'node:util';
import { ConnectError } from '../connectError.ts';

/** Constants of Linux, equal on x86-64 and arm64. */
const AF_INET = 2;
const AF_INET6 = 10;
const SOCK_STREAM = 1;
const SOCK_NONBLOCK = 0o4_000;
const SOCK_CLOEXEC = 0o2_000_000;
const SOL_SOCKET = 1;
const SO_BINDTODEVICE = 25;

type Calls = Awaited<ReturnType<typeof load>>;
let calls: Calls | undefined;

/** @param address decides the address family. @throws ConnectError with the kernel's code, such as ENODEV */
export async function boundSocket(name: string, address: string): Promise<Socket> {
  calls ??= await load();
  const fd = calls.socket(isIPv6(address) ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) {
    const code = getSystemErrorName(-calls.errno());
    throw new ConnectError(`no socket: ${code}`, code);
  }
  if (calls.setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, name, name.length) < 0) {
    const error = unbound(name, calls.errno());
    calls.close(fd);
    throw error;
  }
  return new Socket({ fd, readable: true, writable: true });
}

/** Loaded on first use: a robot with one uplink needs no native calls. */
async function load() {
  const { default: koffi } = await import('koffi');
  const libc = koffi.load('libc.so.6');
  return {
    socket: libc.func('int socket(int, int, int)') as (family: number, type: number, protocol: number) => number,
    setsockopt: libc.func('int setsockopt(int, int, int, const char *, uint32)') as (
      ...args: [fd: number, level: number, option: number, value: string, length: number]
    ) => number,
    close: libc.func('int close(int)') as (fd: number) => number,
    errno: () => koffi.errno(),
  };
}

function unbound(name: string, errno: number): ConnectError {
  const code = getSystemErrorName(-errno);
  const texts: Readonly<Record<string, string>> = {
    ENODEV: `this machine has no interface ${name}, which mqtt.uplinks names`,
    EPERM: `the agent may not use the interface ${name} by itself: before Linux 5.7, this needs CAP_NET_RAW`,
  };
  return new ConnectError(texts[code] ?? `the interface ${name} cannot be used: ${code}`, code);
}
