// Named moments at which a test ends the process as kill -9 would. Nothing happens unless the environment names one; it is for tests
// only, and does no more harm than a power cut where somebody sets it by mistake.

export const COMMAND_CRASH_POINTS = [
  'command_before_record',
  'command_recorded',
  'command_published',
  'command_answered',
  'command_answer_in_transaction',
] as const;

/** In the order of a row's life, then those of a file that is mended. */
export const OUTBOX_CRASH_POINTS = [
  'row_taken',
  'commit_begun',
  'commit_in_transaction',
  'commit_done',
  'rows_claimed',
  'rows_acknowledged',
  'receipt_read',
  'receipt_in_transaction',
  'receipt_applied',
  'evict_in_transaction',
  'evicted',
  'checkpointed',
  'salvage_built',
  'salvage_set_aside',
  'salvage_done',
] as const;

/** In the order of an upload's life. */
export const UPLOAD_CRASH_POINTS = [
  'spool_written',
  'spool_renamed',
  'spool_recorded',
  'upload_announced',
  'upload_put',
  'upload_told',
] as const;

/** In the order in which a log or a backup is cut and spooled. */
export const SLICE_CRASH_POINTS = ['slice_cut', 'slice_spooled'] as const;

/** In the order in which a certificate that was handed over is taken. */
export const IMPORT_CRASH_POINTS = ['identity_key_written', 'identity_filled', 'identity_taken'] as const;

/** In the order in which the robot gets a certificate by itself. */
export const PROVISION_CRASH_POINTS = [
  'provision_key_made',
  'provision_certificate_answered',
  'provision_certificate_stored',
  'provision_pending_stored',
  'provision_registered',
  'provision_registration_stored',
  'provision_proved',
  'provision_taken',
  'provision_done',
] as const;

export type CrashPoint =
  | (typeof COMMAND_CRASH_POINTS)[number]
  | (typeof OUTBOX_CRASH_POINTS)[number]
  | (typeof UPLOAD_CRASH_POINTS)[number]
  | (typeof SLICE_CRASH_POINTS)[number]
  | (typeof IMPORT_CRASH_POINTS)[number]
  | (typeof PROVISION_CRASH_POINTS)[number];

export const CRASH_AT = 'ELDERLY_BOT_CRASH_AT';

const [AT, NTH = '1'] = (process.env[CRASH_AT] ?? '').split(':');
let passed = 0;

/** Does not return where `ELDERLY_BOT_CRASH_AT` is this name; with `name:3` the third time. */
export function crashPoint(name: CrashPoint): void {
  if (AT === name && ++passed === Number(NTH)) process.kill(process.pid, 'SIGKILL');
}
