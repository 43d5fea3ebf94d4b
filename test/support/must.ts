import { spawnSync } from 'node:child_process';
import { ROOT } from '../../scripts/lab/program.ts';

/** Runs a command in the checkout until it ends. @throws its output if the exit code is not 0. */
export function must(command: string, ...args: readonly string[]): void {
  const { error, status, stdout, stderr } = spawnSync(command, args, { cwd: ROOT, encoding: 'utf8' });
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}: ${error?.message ?? `${stdout}${stderr}`}`);
}
