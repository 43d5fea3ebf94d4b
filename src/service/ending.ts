// Why the last run ended, from what outlives a process: what it wrote down when it stopped as asked, the kernel's id of the boot it
// ran in, its version, and what systemd saw of its end. Pure.
import type { Run } from '../state/index.ts';

/** What systemd gives to ExecStopPost= (systemd.exec(5), $SERVICE_RESULT). */
export interface SeenBySystemd {
  readonly invocation: string;
  readonly result: string;
  readonly status: string;
  /** How often the kernel ended a process of the unit for want of memory, where its control group says. */
  readonly oomKills?: number;
}

export const ENDINGS = ['clean', 'upgrade', 'mending', 'failed_start', 'crash', 'watchdog', 'oom', 'power', 'unknown'] as const;

export interface Ending {
  readonly cause: (typeof ENDINGS)[number];
  /** For a person. */
  readonly text: string;
}

/** Endings that nobody asked for. A start that failed said so itself, and is mended by the one that tells of it. */
export function isUnasked({ cause }: Ending): boolean {
  return cause !== 'clean' && cause !== 'upgrade' && cause !== 'failed_start';
}

/** @param seen of whichever run; another's does not count. */
export function whyEnded(last: Run, now: Pick<Run, 'version' | 'boot_id'>, seen: SeenBySystemd | undefined): Ending {
  if (last.stopped === 'mending') return { cause: 'mending', text: 'it started again to mend its outbox' };
  if (last.stopped === 'failed')
    return {
      cause: 'failed_start',
      text: 'its start failed, and it said why where it was started (the terminal, or journalctl -u elderly-bot)',
    };
  if (last.stopped === 'asked') {
    if (last.version !== now.version) return { cause: 'upgrade', text: `${last.version} was stopped and ${now.version} started` };
    return { cause: 'clean', text: isOtherBoot(last, now) ? 'it was stopped, and the machine started again' : 'it was stopped' };
  }
  if (seen && seen.invocation === last.invocation) return endingOf(seen);
  if (isOtherBoot(last, now)) return { cause: 'power', text: 'the machine went down without stopping it: power, or the kernel' };
  if (last.boot_id === null || now.boot_id === null) return { cause: 'unknown', text: 'it never stopped: a crash, a kill, or power' };
  return { cause: 'crash', text: 'it crashed or was killed' };
}

function isOtherBoot(last: Run, now: Pick<Run, 'boot_id'>): boolean {
  return last.boot_id !== null && now.boot_id !== null && last.boot_id !== now.boot_id;
}

function endingOf({ result, status, oomKills = 0 }: SeenBySystemd): Ending {
  if (result === 'watchdog') return { cause: 'watchdog', text: 'it hung, so systemd ended it' };
  // systemd hears of such a kill late, or with control groups of version 1 never: then it saw a SIGKILL.
  if (result === 'oom-kill' || (oomKills > 0 && result === 'signal' && status === 'KILL'))
    return { cause: 'oom', text: 'the machine, or its memory limit, had no memory left for it' };
  if (result === 'timeout') return { cause: 'crash', text: 'it did not start or stop in time, so systemd ended it' };
  if (result === 'signal' || result === 'core-dump') return { cause: 'crash', text: `signal ${status} ended it` };
  return { cause: 'crash', text: `it ended by itself with ${status}` };
}

/** The one line that the unit's ExecStopPost= leaves behind: invocation, result, status, and the kernel's count of kills. Anything else is nothing. */
export function parseSeen(line: string): SeenBySystemd | undefined {
  const [, invocation, result, status, oomKills] = /^([0-9a-f]{32}) ([a-z-]+) (\S+)(?: (\d+))?\n$/.exec(line) ?? [];
  if (invocation === undefined || result === undefined || status === undefined) return undefined;
  return { invocation, result, status, ...(oomKills === undefined ? {} : { oomKills: Number(oomKills) }) };
}
