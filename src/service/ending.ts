// Explains how the last run ended, from facts that outlive the process: whether it recorded a requested stop, the kernel's boot id, the
// version, and the exit status that systemd observed. Pure functions.
import type { Run } from '../state/index.ts';

/** How the service exited, from the variables that systemd passes to ExecStopPost= (systemd.exec(5), $SERVICE_RESULT). */
export interface SystemdExit {
  readonly invocation: string;
  readonly result: string;
  readonly status: string;
  /** How many of the unit's processes the OOM killer has killed. Undefined if the control group does not count them. */
  readonly oomKills?: number;
}

export const ENDINGS = ['clean', 'upgrade', 'mending', 'failed_start', 'crash', 'watchdog', 'oom', 'power', 'unknown'] as const;

export interface Ending {
  readonly cause: (typeof ENDINGS)[number];
  readonly text: string;
}

/** Whether the run ended unasked, with no problem of its own: a failed start and a repair have reported theirs. */
export function isUnexpected({ cause }: Ending): boolean {
  return !['clean', 'upgrade', 'mending', 'failed_start'].includes(cause);
}

/** @param exit the last exit that systemd recorded; ignored if its invocation id shows that it was another run's. */
export function explainEnding(last: Run, now: Pick<Run, 'version' | 'boot_id'>, exit: SystemdExit | undefined): Ending {
  if (last.stopped === 'mending') return { cause: 'mending', text: 'it started again to repair or to move its outbox' };
  if (last.stopped === 'failed')
    return { cause: 'failed_start', text: 'its start failed; the error is in its terminal or in journalctl -u elderly-bot' };
  if (last.stopped === 'asked') {
    if (last.version !== now.version) return { cause: 'upgrade', text: `${last.version} was stopped and ${now.version} started` };
    return { cause: 'clean', text: isOtherBoot(last, now) ? 'it was stopped, and the machine started again' : 'it was stopped' };
  }
  if (exit && exit.invocation === last.invocation) return endingOf(exit);
  if (isOtherBoot(last, now))
    return { cause: 'power', text: 'the machine stopped without stopping it: loss of power, or a fault of the kernel' };
  if (last.boot_id === null || now.boot_id === null)
    return { cause: 'unknown', text: 'it ended without a stop: a crash, a kill, or loss of power' };
  return { cause: 'crash', text: 'it crashed or was killed' };
}

function isOtherBoot(last: Run, now: Pick<Run, 'boot_id'>): boolean {
  return last.boot_id !== null && now.boot_id !== null && last.boot_id !== now.boot_id;
}

function endingOf({ result, status, oomKills = 0 }: SystemdExit): Ending {
  if (result === 'watchdog') return { cause: 'watchdog', text: 'it hung, so systemd ended it' };
  // systemd notices OOM kills late, or not at all with version 1 of control groups. Until then it only reports a SIGKILL.
  if (result === 'oom-kill' || (oomKills > 0 && result === 'signal' && status === 'KILL'))
    return { cause: 'oom', text: 'the machine or the memory limit had no memory left for it' };
  if (result === 'timeout') return { cause: 'crash', text: 'it did not start or stop in time, so systemd ended it' };
  if (result === 'signal' || result === 'core-dump') return { cause: 'crash', text: `signal ${status} ended it` };
  return { cause: 'crash', text: `it ended by itself with ${status}` };
}

/**
 * Parses the line that the unit's ExecStopPost= writes: invocation id, result, status and, if known, the number of OOM kills.
 * @returns undefined if the line has another form
 */
export function parseExit(line: string): SystemdExit | undefined {
  const [, invocation, result, status, oomKills] = /^([0-9a-f]{32}) ([a-z-]+) (\S+)(?: (\d+))?\n$/.exec(line) ?? [];
  if (invocation === undefined || result === undefined || status === undefined) return undefined;
  return { invocation, result, status, ...(oomKills === undefined ? {} : { oomKills: Number(oomKills) }) };
}
