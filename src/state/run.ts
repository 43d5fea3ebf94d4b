// The record that each run leaves of itself, so that the next start can tell why it ended.

/** What a run writes down of itself. */
export interface Run {
  readonly version: string;
  /** The kernel's; null where it can't be read. */
  readonly boot_id: string | null;
  /** systemd's id of the start; null where systemd does not run it. */
  readonly invocation: string | null;
  /** How it stopped; null while it runs, and for ever where it never got to that. */
  readonly stopped: Stopped | null;
}

/** `failed`: its start did. `mending`: to come back at once with a mended outbox. */
export type Stopped = 'asked' | 'failed' | 'mending';
