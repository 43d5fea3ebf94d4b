// The server under test: the cloud's HTTP server on a real PostgreSQL and an object store, with a known robot, a member and a device.
// Passwords are hashed at the lowest cost and commands are discarded, because this test covers neither.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { migrate } from '../../cloud/src/database/migrate.ts';
import { postgresDatabase } from '../../cloud/src/database/postgres.ts';
import { ObjectStore } from '../../cloud/src/uploads/store.ts';
import { Uploads } from '../../cloud/src/uploads/uploads.ts';
import { Api } from '../../cloud/test/support/api.ts';
import { addDevice, deviceToken, makeDevice } from '../../cloud/test/support/device.ts';
import { Instance } from '../../cloud/test/support/instance.ts';
import { BUCKET, REGION, startS3rver } from '../../cloud/test/support/objectStore.ts';
import { presence, telemetry } from '../../cloud/test/support/robot.ts';
import { DevCa } from '../../src/identity/index.ts';
import { Postgres } from '../support/postgres.ts';

const THING = 'elderly-bot';
/** More than a run can announce. The daily limit has its own tests. */
const DAILY_BYTES = 2 ** 50;
/** Effectively no rate limits. They have their own tests. */
const UNLIMITED = Number.MAX_SAFE_INTEGER;
const COMMANDS = [
  { name: 'buzzer', args: { type: 'object', properties: { value: { type: 'boolean' } }, additionalProperties: false }, motion: false },
  { name: 'stop', args: {}, motion: false },
];

export interface FuzzedCloud {
  readonly url: string;
  readonly userToken: string;
  /** The URL that returns a new device token. */
  readonly deviceTokens: string;
  /** Number of answers with a status from 500 on, by route. */
  readonly failures: readonly string[];
  /** Number of answers by route and status. */
  readonly answers: Readonly<Record<string, Readonly<Record<number, number>>>>;
  stop(): Promise<void>;
}

export async function startFuzzedCloud(): Promise<FuzzedCloud> {
  const [server, objects] = await Promise.all([Postgres.start(), startS3rver()]);
  const db = postgresDatabase({ url: server.url });
  await migrate(db);
  const device = await makeDevice(await DevCa.create(), { thing: THING });
  await addDevice(db, device);
  const instance = new Instance(db);
  const rows = Array.from({ length: 5 }, (_, i) => [i + 1, Date.now(), 'fall', true, { alert: 'raised', incident: `i-${i}` }]);
  await instance.send('elderly_bot/presence', presence({ thing: THING }, [['box-1', 5]], { commands: COMMANDS }));
  await instance.send('elderly_bot/telemetry', telemetry({ thing: THING, accepted: 5 }, rows, { state_seq: 5, fall: true, battery: 80 }));
  await instance.stop();
  const store = new ObjectStore({ bucket: BUCKET, endpoint: objects.endpoint, credentials: objects.credentials, region: REGION });
  const attempts = { windowS: 60, perPhone: UNLIMITED, perPhoneAnywhere: UNLIMITED, perNetwork: UNLIMITED, all: UNLIMITED };
  const limits = { login: attempts, register: attempts, command: { windowS: 60, perUser: UNLIMITED, perRobot: UNLIMITED } };
  const api = await Api.open(db, { limits, uploads: new Uploads({ db, store, dailyBytes: DAILY_BYTES }) });
  const failures: string[] = [];
  const answers: Record<string, Record<number, number>> = {};
  api.app.addHook('onSend', async (request, reply, payload) => {
    const route = `${request.method} ${request.routeOptions.url ?? 'none'}`;
    const statuses = answers[route] ?? {};
    answers[route] = { ...statuses, [reply.statusCode]: (statuses[reply.statusCode] ?? 0) + 1 };
    if (reply.statusCode >= 500) failures.push(`${route}: ${reply.statusCode} ${String(payload)}`);
  });
  const { token: userToken } = await api.register(THING);
  const url = await api.app.listen({ host: '127.0.0.1', port: 0 });
  const tokens = createServer((_asked, answer) => void deviceToken(device).then((token) => answer.end(token)));
  await new Promise<void>((resolve) => tokens.listen(0, '127.0.0.1', resolve));
  return {
    url,
    userToken,
    deviceTokens: `http://127.0.0.1:${(tokens.address() as AddressInfo).port}`,
    failures,
    answers,
    async stop() {
      tokens.closeAllConnections();
      tokens.close();
      await api.close();
      store.close();
      await db.close();
      await objects.stop();
      await server.stop();
    },
  };
}
