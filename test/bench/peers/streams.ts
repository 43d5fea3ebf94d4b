// Serves event streams in a process of its own, so that its CPU time counts alone. With `own`, each stream looks at the database for itself
// with statements that are planned again, as before the streams shared one look.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { pino } from 'pino';
import { postgresDatabase } from '../../../cloud/src/database/postgres.ts';
import { ChangeNotifier, events, Looks } from '../../../cloud/src/stream/index.ts';

const [url = '', user = '', way] = process.argv.slice(2);
const db = postgresDatabase({ url });
const notifier = new ChangeNotifier(db, pino({ level: 'silent' }));
const shared = new Looks(db);
await notifier.start();
const server = createServer((request, response) => {
  const looks = way === 'own' ? new Looks({ ...db, prepared: db.query }) : shared;
  const leaving = new AbortController();
  response.on('close', () => leaving.abort());
  const stream = events({
    looks,
    notifier,
    thing: (request.url ?? '').slice(1),
    userId: Number(user),
    since: null,
    signal: leaving.signal,
  });
  Readable.from(stream, { objectMode: false }).pipe(response);
});
server.listen(0, '127.0.0.1', () => process.stdout.write(`${(server.address() as AddressInfo).port}\n`));
