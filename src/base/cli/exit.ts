// How a command of either program ends, and how a command line that can't be understood is answered.

/**
 * Sets the exit code of the process: the returned number, 0 for undefined, or `report`'s for an error.
 * @param report prints the error on stderr and returns the exit code.
 */
export async function exitWith(work: () => Promise<number | undefined>, report: (error: unknown) => number): Promise<void> {
  try {
    process.exitCode = (await work()) ?? 0;
  } catch (error) {
    process.exitCode = report(error);
  }
}

/**
 * @param help the help text of the command that was meant; its first line is how that command is called.
 * @returns one line: what is wrong with the command line, and the command that explains more.
 */
export function misuse(program: string, message: string, help: string): string {
  const usage = help.split('\n')[0]?.replace(/ {2,}.*$/, '') ?? '';
  const isOfCommand = usage.startsWith(`${program} `) && !usage.startsWith(`${program} <command>`);
  const path = isOfCommand ? usage.replace(/ [<[].*$/, '') : program;
  if (!message.startsWith('Not enough non-option arguments'))
    return `${message.replaceAll(/\s+/g, ' ')}; ${path} --help lists what there is`;
  return `something is missing: ${usage}; ${path} --help says what`;
}
