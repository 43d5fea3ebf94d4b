// `elderly-bot certs dev-ca`: certificates for a bench, made on the spot.
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { AgentError } from '../../errors.ts';
import { BENCH_FILES, benchCertificates } from '../../identity/index.ts';

/** @throws AgentError FILE_EXISTS: a broker, a cloud or a robot may use what is there. */
export async function devCa(folder: string, thing: string, hosts: readonly string[], json: boolean): Promise<number> {
  const standing = BENCH_FILES.map((file) => join(resolve(folder), file)).find((file) => existsSync(file));
  if (standing !== undefined) {
    const remedy = 'give another folder, or remove this one first; whoever uses what is in it then needs the new files too';
    throw new AgentError('FILE_EXISTS', `${standing} is there already`, { remedy });
  }
  const { ca, broker, cloud, robot } = await benchCertificates(folder, thing, hosts);
  if (json) process.stdout.write(`${JSON.stringify({ ca, broker, cloud, robot })}\n`);
  else {
    const lines = [`ca ${ca}`, ...Object.entries({ broker, cloud, robot }).map(([who, { cert, key }]) => `${who} ${cert} ${key}`)];
    process.stdout.write(`${lines.join('\n')}\n`);
  }
  return 0;
}
