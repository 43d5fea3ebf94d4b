// A loopback port that drops packets like a firewall: the kernel discards each SYN while the queue of accepted connections is full.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

/** Listens and accepts nothing before it reads a line, so that the queue stays full. Node.js always accepts. */
const LISTENER = `
import socket, sys, threading
server = socket.socket()
server.bind(("127.0.0.1", 0))
server.listen(0)
print(server.getsockname()[1], flush=True)
accepted = []
def accept():
    while True: accepted.append(server.accept())
if sys.stdin.readline(): threading.Thread(target=accept, daemon=True).start()
sys.stdin.read()
`;

/** A connection on loopback takes less than a millisecond, unless its SYN is dropped. */
const DROPPED_AFTER_MS = 250;

export interface BlackHole {
  readonly port: number;
  /** Accepts connections from now on. A client whose SYN was dropped sends it again 1 s after the first. */
  open(): void;
  stop(): Promise<void>;
}

export async function openBlackHole(): Promise<BlackHole> {
  const python = spawn('python3', ['-c', LISTENER], { stdio: ['pipe', 'pipe', 'inherit'] });
  const [line] = (await once(python.stdout, 'data')) as [Buffer];
  const port = Number(line.toString());
  const queued: Socket[] = [];
  for (let isDropped = false; !isDropped; ) {
    const socket = connect(port, '127.0.0.1').on('error', () => {});
    queued.push(socket);
    isDropped = await new Promise<boolean>((resolve) => {
      const dropped = setTimeout(() => resolve(true), DROPPED_AFTER_MS);
      socket.once('connect', () => {
        clearTimeout(dropped);
        resolve(false);
      });
    });
  }
  return {
    port,
    open: () => python.stdin.write('\n'),
    async stop() {
      for (const socket of queued) socket.destroy();
      const ended = once(python, 'exit');
      python.stdin.end();
      await ended;
    },
  };
}
