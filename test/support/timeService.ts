// A program named timedatectl that answers for systemd, so that tests do not depend on the machine's own time service.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * @param script the lines of a shell script; without one the machine has no time service that answers.
 * @returns the environment in which a program finds it.
 */
export function fakeTimeService(folder: string, script = 'exit 1'): { readonly PATH: string } {
  writeFileSync(join(folder, 'timedatectl'), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  return { PATH: `${folder}:${process.env.PATH ?? ''}` };
}
