// Explains why the last run ended, from facts that outlive a process: the record of a requested stop, the kernel's boot id, the version,
// and the exit that systemd observed. Pure.
import type { Run } from '../state/index.ts';

/** The variables of ExecStopPost= (systemd.exec(5), $SERVICE_RESULT). */
export interface SystemdExit {
  readonly invocation: string;
  readonly result: string;
  readonly status: string;
  /** Processes of the unit that the kernel killed because memory ran out; undefined if the control group does not count them. */
  readonly oomKills?: number;
}

export const ENDINGS = ['clean', 'upgrade', 'mending', 'failed_start', 'crash', 'watchdog', 'oom', 'power', 'unknown'] as const;

export interface Ending {
  readonly cause: (typeof ENDINGS)[number];
  /** For a person. */
  readonly text: string;
}

/** True for an end without a request. A failed start reported its own error, and the start that explains it has succeeded. */
export function isUnexpected({ cause }: Ending): boolean {
  return cause !== 'clean' && cause !== 'upgrade' && cause !== 'failed_start';
}

/** @param exit of any run; the exit of another run does not count. */
export function explainEnding(last: Run, now: Pick<Run, 'version' | 'boot_id'>, exit: SystemdExit | undefined): Ending {
  if (last.stopped === 'mending') return { cause: 'mending', text: 'it started again to repair its outbox' };
  if (last.stopped === 'failed')
    return {
      cause: 'failed_start',
      text: 'its start failed; the error is in its terminal or in journalctl -u elderly-bot',
    };
  if (last.stopped === 'asked') {
    if (last.version !== now.version) return { cause: 'upgrade', text: `${last.version} was stopped and ${now.version} started` };
    return { cause: 'clean', text: isOtherBoot(last, now) ? 'it was stopped, and the machine started again' : 'it was stopped' };
  }
  if (exit && exit.invocation === last.invocation) return endingOf(exit);
  if (isOtherBoot(last, now)) return { cause: 'power', text: 'the machine went down without stopping it: power, or the kernel' };
  if (last.boot_id === null || now.boot_id === null) return { cause: 'unknown', text: 'it never stopped: a crash, a kill, or power' };
  return { cause: 'crash', text: 'it crashed or was killed' };
}

function isOtherBoot(last: Run, now: Pick<Run, 'boot_id'>): boolean {
  return last.boot_id !== null && now.boot_id !== null && last.boot_id !== now.boot_id;
}

function endingOf({ result, status, oomKills = 0 }: SystemdExit): Ending {
  if (result === 'watchdog') return { cause: 'watchdog', text: 'it hung, so systemd ended it' };
  // systemd learns of such a kill late, or with control groups of version 1 never, and then only observes a SIGKILL.
  if (result === 'oom-kill' || (oomKills > 0 && result === 'signal' && status === 'KILL'))
    return { cause: 'oom', text: 'the machine, or its memory limit, had no memory left for it' };
  if (result === 'timeout') return { cause: 'crash', text: 'it did not start or stop in time, so systemd ended it' };
  if (result === 'signal' || result === 'core-dump') return { cause: 'crash', text: `signal ${status} ended it` };
  return { cause: 'crash', text: `it ended by itself with ${status}` };
}

/**
 * Parses the line that the unit's ExecStopPost= writes: invocation, result, status, and the kernel's count of kills.
 * @returns undefined for any other text.
 */
export function parseExit(line: string): SystemdExit | undefined {
  const [, invocation, result, status, oomKills] = /^([0-9a-f]{32}) ([a-z-]+) (\S+)(?: (\d+))?\n$/.exec(line) ?? [];
  if (invocation === undefined || result === undefined || status === undefined) return undefined;
  return { invocation, result, status, ...(oomKills === undefined ? {} : { oomKills: Number(oomKills) }) };
}
