// Opens connections to a port and sends nothing over them: idleConnections.ts PORT COUNT. It opens closed ones again every 5 s, and prints
// `{"event": "idle", "open"}` after each round.
import { connect, type Socket } from 'node:net';

const AGAIN_MS = 5_000;
const [port = 0, count = 0] = process.argv.slice(2).map(Number);
const open = new Set<Socket>();

function openOne(): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', resolve);
    open.add(socket);
    socket.on('error', resolve).once('close', () => open.delete(socket));
  });
}

for (;;) {
  await Promise.all(Array.from({ length: count - open.size }, openOne));
  process.stdout.write(`${JSON.stringify({ event: 'idle', open: open.size })}\n`);
  await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
}
