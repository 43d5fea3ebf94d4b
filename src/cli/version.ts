// `elderly-bot version`: the versions of everything a bug report needs.
import { versions } from '../service/index.ts';

export async function version(json: boolean): Promise<number> {
  const all = versions();
  const lines = Object.entries(all).map(([name, text]) => `${name.padEnd(15)} ${text ?? 'none'}`);
  process.stdout.write(json ? `${JSON.stringify(all)}\n` : `${lines.join('\n')}\n`);
  return 0;
}
