// Asks systemd whether a time service has synchronised the clock. systemd-timedated answers from the kernel (`adjtimex`), so the answer is the
// same for systemd-timesyncd, chrony and ntpd.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

/**
 * `unsynchronised`: a time service runs, but has not synchronised the clock. `off`: none runs. `unknown`: this machine does not say, as in a
 * container.
 */
export type TimeService = 'synchronised' | 'unsynchronised' | 'off' | 'unknown';

/** Without this deadline, timedatectl waits 25 s for systemd-timedated, and for ever for a bus that is silent. */
const ANSWER_WITHIN_MS = 5_000;

const run = promisify(execFile);

/** @param signal ends the question, whose answer is then unknown. */
export async function askTimeService(signal: AbortSignal): Promise<TimeService> {
  const options = { signal, timeout: ANSWER_WITHIN_MS, killSignal: 'SIGKILL', encoding: 'utf8' } as const;
  try {
    const { stdout } = await run('timedatectl', ['show', '--property=NTP', '--property=NTPSynchronized'], options);
    return timeServiceOf(stdout);
  } catch {
    return 'unknown';
  }
}

/** Reads the output of `timedatectl show`. */
export function timeServiceOf(output: string): TimeService {
  if (/^NTPSynchronized=yes$/m.test(output)) return 'synchronised';
  if (/^NTP=yes$/m.test(output)) return 'unsynchronised';
  return /^NTP=no$/m.test(output) ? 'off' : 'unknown';
}
