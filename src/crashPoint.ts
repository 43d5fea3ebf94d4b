// Named moments at which a fault campaign ends the process as kill -9 would. Nothing happens unless the environment names one.

export const CRASH_POINTS = [
  'command_before_record',
  'command_recorded',
  'command_published',
  'command_answered',
  'command_answer_in_transaction',
] as const;
export type CrashPoint = (typeof CRASH_POINTS)[number];

export const CRASH_AT = 'ELDERLY_BOT_CRASH_AT';

/** Does not return where `ELDERLY_BOT_CRASH_AT` is this name. */
export function crashPoint(name: CrashPoint): void {
  if (process.env[CRASH_AT] === name) process.kill(process.pid, 'SIGKILL');
}
