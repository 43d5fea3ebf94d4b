// The command `openapi`: prints the document of /openapi.json without a server, a database or a broker.
import { pino } from 'pino';
import { print } from '../../../src/base/index.ts';
import { assemble } from '../cloud.ts';
import { type Database, sharedDatabase } from '../database/index.ts';
import { settingsFrom } from '../settings/index.ts';

/** The fewest settings with which all routes exist. No part is started, so nothing connects. */
const SETTINGS = { AWS_IOT_ENDPOINT: 'mqtt://localhost', SECRET_KEY: 'not a secret, because it signs no token', S3_BUCKET: 'none' };

export async function printOpenApi(): Promise<number> {
  await print(JSON.stringify(await openApi(), null, 2).split('\n'));
  return 0;
}

export async function openApi(): Promise<object> {
  const { app } = await assemble(sharedDatabase(NO_DATABASE), settingsFrom(SETTINGS), pino({ level: 'silent' }));
  await app.ready();
  return app.swagger();
}

const refuse = (): Promise<never> => Promise.reject(new Error('the description of the routes has no database'));
const NO_DATABASE: Database = {
  kind: 'pglite',
  query: refuse,
  prepared: refuse,
  script: refuse,
  transaction: refuse,
  listen: refuse,
  close: () => Promise.resolve(),
};
