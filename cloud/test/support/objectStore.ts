// Starts an object store with one bucket for a test: versitygw, a real S3 server that the setup builds if Go is installed, or s3rver in the
// process, which checks less.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import S3rver from '@20minutes/s3rver';
import { paginateListObjectsV2, S3Client } from '@aws-sdk/client-s3';
import { ROOT } from '../../../scripts/lab/program.ts';
import { accepts, freePort } from '../../../test/support/ports.ts';

export const BUCKET = 'elderly-bot-test';
export const REGION = 'eu-central-1';
const START_MS = 10_000;
const TRY_EVERY_MS = 20;

export interface TestStore {
  readonly endpoint: string;
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string };
  readonly stop: () => Promise<void>;
}

/** The names of all objects in the bucket. */
export async function namesIn({ endpoint, credentials }: TestStore): Promise<string[]> {
  const client = new S3Client({ region: REGION, endpoint, credentials, forcePathStyle: true });
  try {
    const names: string[] = [];
    for await (const { Contents = [] } of paginateListObjectsV2({ client }, { Bucket: BUCKET }))
      names.push(...Contents.map(({ Key }) => String(Key)));
    return names;
  } finally {
    client.destroy();
  }
}

/** The path of versitygw; null if the setup could not build it. Tests that need it are then skipped with a message. */
export function findVersitygw(): string | null {
  const folders = [join(ROOT, '.setup', 'versitygw'), ...(process.env.PATH ?? '').split(':')];
  return folders.map((folder) => join(folder, 'versitygw')).find((file) => existsSync(file)) ?? null;
}

export async function startVersitygw(): Promise<TestStore> {
  const program = findVersitygw();
  if (!program) throw new Error('versitygw is not built: install Go and run bin/setup again');
  const folder = mkdtempSync(join(tmpdir(), 'elderly-bot-store-'));
  const [objects, sidecar] = [join(folder, 'objects'), join(folder, 'sidecar')];
  for (const path of [join(objects, BUCKET), sidecar]) mkdirSync(path, { recursive: true });
  const port = await freePort();
  const credentials = { accessKeyId: 'test-access', secretAccessKey: 'test-secret-key' };
  const env = { PATH: process.env.PATH, ROOT_ACCESS_KEY_ID: credentials.accessKeyId, ROOT_SECRET_ACCESS_KEY: credentials.secretAccessKey };
  const args = ['--port', `127.0.0.1:${port}`, '--region', REGION, '--quiet', 'posix', '--sidecar', sidecar, objects];
  const child = spawn(program, args, { env, cwd: folder, stdio: ['ignore', 'ignore', 'pipe'] });
  const killOnExit = (): void => void child.kill('SIGKILL');
  process.on('exit', killOnExit);
  const stop = async (): Promise<void> => {
    process.off('exit', killOnExit);
    await end(child);
    rmSync(folder, { recursive: true, force: true });
  };
  let output = '';
  child.stderr.on('data', (part: Buffer) => {
    output += part.toString();
  });
  const deadline = performance.now() + START_MS;
  while (!(await accepts(port))) {
    if (child.exitCode !== null || performance.now() > deadline) {
      await stop();
      throw new Error(`versitygw did not start: ${output.trim()}`);
    }
    await new Promise((resolve) => setTimeout(resolve, TRY_EVERY_MS));
  }
  return { endpoint: `http://127.0.0.1:${port}`, credentials, stop };
}

export async function startS3rver(): Promise<TestStore> {
  const directory = mkdtempSync(join(tmpdir(), 'elderly-bot-store-'));
  const server = new S3rver({ address: '127.0.0.1', port: 0, silent: true, directory, configureBuckets: [{ name: BUCKET }] });
  const { port } = (await server.run()) as AddressInfo;
  const stop = async (): Promise<void> => {
    await server.close();
    rmSync(directory, { recursive: true, force: true });
  };
  // s3rver accepts only this pair of keys.
  return { endpoint: `http://127.0.0.1:${port}`, credentials: { accessKeyId: 'S3RVER', secretAccessKey: 'S3RVER' }, stop };
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  await ended;
}
