// Defines the crash points: named steps at which a test can kill the process with SIGKILL. They do nothing unless an environment variable
// names one. If it is set by mistake, that does no more harm than a power cut.

export const COMMAND_CRASH_POINTS = [
  'command_before_record',
  'command_recorded',
  'command_published',
  'command_answered',
  'command_answer_in_transaction',
] as const;

/** In the order in which a row passes them. The last three belong to the repair of a damaged file. */
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

/** In the order in which an upload passes them. */
export const UPLOAD_CRASH_POINTS = [
  'spool_written',
  'spool_renamed',
  'spool_recorded',
  'upload_announced',
  'upload_put',
  'upload_told',
] as const;

/** In the order in which a slice of a log or backup passes them. */
export const SLICE_CRASH_POINTS = ['slice_cut', 'slice_spooled'] as const;

/** In the order in which the restoration of a backup passes them. */
export const RESTORE_CRASH_POINTS = ['restore_unpacked', 'restore_copied', 'restore_ready', 'restore_set_aside', 'restore_done'] as const;

/** In the order in which the import of a certificate passes them. */
export const IMPORT_CRASH_POINTS = ['identity_key_written', 'identity_filled', 'identity_taken'] as const;

/** In the order in which fleet provisioning passes them. */
export const PROVISION_CRASH_POINTS = [
  'provision_key_made',
  'provision_certificate_answered',
  'provision_certificate_stored',
  'provision_pending_stored',
  'provision_registered',
  'provision_registration_stored',
  'provision_proved',
  'provision_taken',
  'provision_claim_erased',
  'provision_done',
] as const;

/** In the order in which the decommissioning of a robot passes them. */
export const WIPE_CRASH_POINTS = ['wipe_secret_erased', 'wipe_other_erased', 'wipe_data_erased'] as const;

export type CrashPoint =
  | (typeof COMMAND_CRASH_POINTS)[number]
  | (typeof OUTBOX_CRASH_POINTS)[number]
  | (typeof UPLOAD_CRASH_POINTS)[number]
  | (typeof SLICE_CRASH_POINTS)[number]
  | (typeof RESTORE_CRASH_POINTS)[number]
  | (typeof IMPORT_CRASH_POINTS)[number]
  | (typeof PROVISION_CRASH_POINTS)[number]
  | (typeof WIPE_CRASH_POINTS)[number];

export const CRASH_AT = 'ELDERLY_BOT_CRASH_AT';

const [AT, NTH = '1'] = (process.env[CRASH_AT] ?? '').split(':');
let passed = 0;

/** Kills the process if `ELDERLY_BOT_CRASH_AT` is this name. `name:3` kills it on the third call. */
export function crashPoint(name: CrashPoint): void {
  if (AT === name && ++passed === Number(NTH)) process.kill(process.pid, 'SIGKILL');
}
