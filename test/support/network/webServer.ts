// A web server on port 443, as many hosts have one beside their broker. `webServer.ts CERT KEY strict|lax`: whether it refuses protocols that
// it does not know, as nginx does since 1.21.4.
import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';

const [certFile = '', keyFile = '', kind] = process.argv.slice(2);
const lax = kind === 'lax' ? { ALPNCallback: ({ protocols: [first] }: { protocols: string[] }) => first } : {};
const server = createServer({ cert: readFileSync(certFile), key: readFileSync(keyFile), ...lax }, (_request, response) => response.end());
server.listen(443, '127.0.0.1', () => process.stdout.write(`${JSON.stringify({ event: 'ready' })}\n`));
