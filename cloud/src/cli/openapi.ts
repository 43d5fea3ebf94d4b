// `openapi`: the document of /openapi.json without a server, a database or a broker.
import { pino } from 'pino';
import { assemble } from '../cloud.ts';
import type { Database } from '../database/index.ts';
import { settingsFrom } from '../settings/index.ts';
import { print } from './exit.ts';

/** Enough for every route to exist. The parts are never started, so nothing connects anywhere. */
const SETTINGS = { AWS_IOT_ENDPOINT: 'mqtt://localhost', SECRET_KEY: 'signs nothing, as no request is answered', S3_BUCKET: 'none' };

export async function printOpenApi(): Promise<number> {
  print(JSON.stringify(await openApi(), null, 2));
  return 0;
}

export async function openApi(): Promise<object> {
  const { app } = await assemble(NO_DATABASE, settingsFrom(SETTINGS), pino({ level: 'silent' }));
  await app.ready();
  return app.swagger();
}

const refuse = (): Promise<never> => Promise.reject(new Error('there is no database behind the description of the routes'));
const NO_DATABASE: Database = {
  kind: 'pglite',
  query: refuse,
  script: refuse,
  transaction: refuse,
  listen: refuse,
  close: () => Promise.resolve(),
};
