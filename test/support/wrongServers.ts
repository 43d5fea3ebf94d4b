// Servers that answer in place of the broker. Each is a real server of its kind.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer as createHttp } from 'node:http';
import { createServer as createHttps } from 'node:https';
import { createServer as createTcp, type Server, type Socket } from 'node:net';
import { createServer as createTls, type TlsOptions } from 'node:tls';
import type { BenchFiles } from '../../src/identity/index.ts';
import { freePort } from './ports.ts';
import { until } from './until.ts';

export interface RunningServer {
  readonly port: number;
  stop(): unknown;
}

/** A web server without TLS, such as the login page of a guest network. */
export function webServer(): Promise<RunningServer> {
  return running(createHttp((_request, response) => response.end()));
}

/** A web server with the broker's certificate. */
export function secureWebServer(files: BenchFiles): Promise<RunningServer> {
  return running(createHttps(brokerTls(files), (_request, response) => response.end()));
}

/** A server that greets each client with a line, as mail and SSH servers do. */
export function greeter(line: string): Promise<RunningServer> {
  return tcpServer((socket) => socket.write(line));
}

/** A server that accepts connections without TLS. */
export function tcpServer(serve: (socket: Socket) => void): Promise<RunningServer> {
  return running(createTcp(serve));
}

/** A server with the broker's certificate and these options that says nothing after the handshake. */
export function tlsServer(files: BenchFiles, options: TlsOptions = {}): Promise<RunningServer> {
  return running(createTls({ ...brokerTls(files), ...options }, (socket) => socket.on('error', () => {})));
}

/** `openssl s_server` with more arguments, such as `-tls1`. */
export async function opensslServer({ broker }: BenchFiles, ...args: readonly string[]): Promise<RunningServer> {
  const port = await freePort();
  const own = ['s_server', '-accept', `127.0.0.1:${port}`, '-cert', broker.cert, '-key', broker.key];
  const child = spawn('openssl', [...own, ...args], { stdio: ['pipe', 'pipe', 'ignore'] });
  let output = '';
  child.stdout.on('data', (text: Buffer) => (output += text.toString()));
  await until(() => output.includes('ACCEPT'), 'openssl listens', { explain: () => output });
  const ended = once(child, 'exit');
  const stop = async () => {
    child.kill();
    await ended;
  };
  return { port, stop };
}

function brokerTls({ broker }: BenchFiles): TlsOptions {
  return { cert: readFileSync(broker.cert), key: readFileSync(broker.key) };
}

async function running(server: Server): Promise<RunningServer> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket.on('error', () => {}));
    socket.on('close', () => sockets.delete(socket));
  });
  // Another server listens on this port afterwards.
  const port = await freePort();
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  return {
    port,
    stop: () => {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}
