// Resolves the broker's name with the system's resolver on a machine of its own: with a name server, without an answer, or without a server.
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { ROOT } from '../../../scripts/lab/program.ts';
import { Space } from './space.ts';

const RESOLVE = fileURLToPath(new URL('resolve.ts', import.meta.url));
const run = promisify(execFile);

export interface Resolved {
  readonly addresses?: readonly string[];
  /** Why the addresses are not from the name servers. */
  readonly fault?: string;
  readonly error?: { readonly text: string; readonly reason: string };
}

/**
 * @param resolvConf content of /etc/resolv.conf. @param server whether a name server listens on 127.0.0.1, which knows no name.
 * @param known addresses of an earlier run.
 */
export async function resolveIn(resolvConf: string, server: 'listens' | 'absent', ...known: readonly string[]): Promise<Resolved> {
  const space = await Space.start('robot', { '/etc/resolv.conf': resolvConf });
  try {
    space.ip('link set lo up');
    const [command, ...words] = space.launch(process.execPath, '--import', 'tsx', RESOLVE, server, ...known);
    const { stdout } = await run(command, words, { cwd: ROOT });
    return JSON.parse(stdout) as Resolved;
  } finally {
    await space.stop();
  }
}
