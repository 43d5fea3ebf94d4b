// `elderly-bot certs dev-ca`: certificates for a bench, made on the spot.
import { benchCertificates } from '../../identity/index.ts';

export async function devCa(folder: string, thing: string, hosts: readonly string[], json: boolean): Promise<number> {
  const { ca, broker, cloud, robot } = await benchCertificates(folder, thing, hosts);
  if (json) process.stdout.write(`${JSON.stringify({ ca, broker, cloud, robot })}\n`);
  else {
    const lines = [`ca ${ca}`, ...Object.entries({ broker, cloud, robot }).map(([who, { cert, key }]) => `${who} ${cert} ${key}`)];
    process.stdout.write(`${lines.join('\n')}\n`);
  }
  return 0;
}
