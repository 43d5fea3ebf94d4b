// How a command ends: exit code 0, 1 for a failure, 2 for what somebody has to mend first; errors as one line on stderr.
import { AgentError, messageOf } from '../errors.ts';

export async function exitWith(work: () => Promise<number | undefined>): Promise<void> {
  try {
    process.exitCode = (await work()) ?? 0;
  } catch (error) {
    process.exitCode = report(error);
  }
}

/** Prints an error for a person. @returns the exit code. */
export function report(error: unknown): number {
  if (!(error instanceof AgentError)) {
    process.stderr.write(`elderly-bot: ${error instanceof Error ? (error.stack ?? error.message) : messageOf(error)}\n`);
    return 1;
  }
  process.stderr.write(`elderly-bot: ${error.line} [${error.code}]\n`);
  return error.fault === 'configuration' || error.fault === 'environment' ? 2 : 1;
}
