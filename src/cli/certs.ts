// `elderly-bot certs dev-ca`: certificates for a bench, made on the spot.
import { benchCertificates } from '../identity/index.ts';

export async function devCa(folder: string, thing: string): Promise<number> {
  const files = await benchCertificates(folder, thing);
  const lines = [`ca ${files.ca}`, ...(['broker', 'cloud', 'robot'] as const).map((who) => `${who} ${files[who].cert} ${files[who].key}`)];
  process.stdout.write(`${lines.join('\n')}\n`);
  return 0;
}
