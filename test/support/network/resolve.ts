// Resolves broker.example as the agent does, and prints the outcome as JSON. `resolve.ts listens|absent ADDRESS...`: whether a name server
// listens on loopback that knows no name, and the addresses of an earlier run.
import { createSocket } from 'node:dgram';
import { ConnectError } from '../../../src/uplink/connectError.ts';
import { Resolver } from '../../../src/uplink/network/resolver.ts';

/** The flags of an answer that says that the name does not exist (RFC 1035, 4.1.1: QR, RD, RA, RCODE 3). */
const NO_SUCH_NAME = 0x8183;

const [server, ...known] = process.argv.slice(2);
const socket = createSocket('udp4');
socket.on('message', (question, { port, address }) => {
  const answer = Buffer.from(question);
  answer.writeUInt16BE(NO_SUCH_NAME, 2);
  socket.send(answer, port, address);
});
if (server === 'listens') await new Promise<void>((resolve) => socket.bind(53, '127.0.0.1', resolve));

const resolver = new Resolver('broker.example', known);
try {
  const addresses = await resolver.addresses(30_000, false);
  process.stdout.write(JSON.stringify({ addresses, fault: resolver.fault?.message }));
} catch (error) {
  if (!(error instanceof ConnectError)) throw error;
  process.stdout.write(JSON.stringify({ error: { text: error.message, reason: error.reason } }));
}
socket.close();
