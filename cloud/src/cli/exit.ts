// Ends a command with its exit code: 0 for success, 1 for a failure, 2 if the command line or the settings have to be corrected first.
import { exitWith as finishWith, messageOf, printError } from '../../../src/base/index.ts';
import { SettingsError } from '../errors/index.ts';

/** Prints each fault as one line to stderr. */
export function exitWith(work: () => number | Promise<number>): Promise<void> {
  return finishWith(
    async () => work(),
    (error) => {
      const isSettings = error instanceof SettingsError;
      printError(isSettings ? error.lines : messageOf(error).replaceAll('\n', ' '));
      return isSettings ? 2 : 1;
    },
  );
}
