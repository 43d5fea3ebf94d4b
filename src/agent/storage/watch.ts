// Watches whether the state can be kept. While the state directory is in use: whether commits fail, and whether its files are still those that
// the agent opened. While its stand-in is in use: whether the state directory can be written again. In each case the agent must then start
// again within its process.
import { open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { every, isNoSpace, messageOf, type Ticker, withDeadline } from '../../base/index.ts';
import type { Trouble } from '../../outbox/index.ts';
import { makeStandIn } from '../../state/index.ts';
import type { Parts } from '../lifecycle/parts.ts';
import { FOLDER, identitiesIn, lostFiles } from './lostFiles.ts';
import type { ReturnPace } from './returnPace.ts';

/** If commits have failed for this long, the rows in memory must leave by another way. SQLite itself waits 0.5 s for a locked file. */
export const FAILED_AFTER_MS = 3_000;

const LOOK_EVERY_MS = 500;
const PROBE_EVERY_MS = 60_000;
const FILES_EVERY_MS = 5_000;

/** A failing disk may not answer at all. */
const PROBE_PATIENCE_MS = 3_000;

/** On the way back there is no hurry, and a disk that works may be busy. */
const RETURN_PATIENCE_MS = 30_000;

/** The result of writing a file to the state directory: a failure, or undefined if it worked. */
export interface Probe {
  readonly error: string | undefined;
  /** Whether only space is missing. */
  readonly isFull: boolean;
}

/**
 * Has no side effects. A full disk or file is no failure as long as alerts can be written, because old rows are evicted.
 * @returns why the state directory counts as failed; undefined if it does not.
 */
export function failureOf({ code, alertWaits }: Omit<Trouble, 'forMs'>, { error, isFull }: Probe): string | undefined {
  const onlyFull = isFull || (error === undefined && code === 'SQLITE_FULL');
  if (onlyFull && !alertWaits) return undefined;
  return error ?? `its outbox file cannot be written (${code ?? 'unknown error'})`;
}

export interface Lost {
  /** The files that were deleted or replaced. */
  readonly names: readonly string[];
  readonly text: string;
}

type WatchParts = Pick<Parts, 'outbox' | 'storage' | 'clock' | 'log'> & {
  readonly pace: ReturnPace;
  /** Must start the agent again with this failure, or in the state directory if undefined. */
  readonly onMove: (failure: string | undefined) => void;
  /** Must save what the open database holds, and start the agent again. */
  readonly onLost: (lost: Lost) => void;
};

export function watchStorage(parts: WatchParts): Ticker {
  const files = watchFiles(parts);
  const directory = parts.storage.failure === undefined ? watchHome(parts) : watchForReturn(parts);
  return {
    stop: () => {
      files.stop();
      directory.stop();
    },
  };
}

function watchFiles({ storage, log, onLost }: WatchParts): Ticker {
  let before = identitiesIn(storage.folder);
  return every(FILES_EVERY_MS, () => {
    const now = identitiesIn(storage.folder);
    const names = lostFiles(before, now);
    // The WAL appears with the first commit.
    before = new Map([...now, ...[...before].filter(([, identity]) => identity !== undefined)]);
    if (names.length === 0) return;
    const paths = names.includes(FOLDER) ? storage.folder : names.map((name) => join(storage.folder, name)).join(' and ');
    const text = `${paths} was deleted or replaced while the agent used it`;
    log.error({ event: 'storage_lost' }, `${text}; the agent writes its rows again`);
    onLost({ names, text: `${text}; it wrote its rows again, and declares to the cloud those that are missing` });
  });
}

function watchHome({ outbox, storage, clock, log, pace, onMove }: WatchParts): Ticker {
  const isStuck = () => (outbox.trouble?.forMs ?? 0) >= FAILED_AFTER_MS;
  let isLooking = false;
  let isAlone = false;
  const canMove = (failure: string) => {
    try {
      makeStandIn(storage.home);
      return true;
    } catch (error) {
      // Without a place to go, the agent had better stay: it still senses, and the disk may work again.
      if (!isAlone) log.error({ event: 'storage_failed', reason: failure }, messageOf(error));
      isAlone = true;
      return false;
    }
  };
  const look = async () => {
    const probe = await probeWithin(storage.home);
    // A commit may have worked meanwhile.
    const failure = outbox.trouble && isStuck() ? failureOf(outbox.trouble, probe) : undefined;
    // The stop of this agent may take longer than a look, and a second move would double the wait for the return.
    isLooking = failure !== undefined && canMove(failure);
    if (failure === undefined || !isLooking) return;
    pace.failed(clock.mono());
    log.error({ event: 'storage_failed', reason: failure }, `${storage.home} can't be written: ${failure}; the agent goes on in memory`);
    onMove(failure);
  };
  return every(LOOK_EVERY_MS, () => {
    if (isLooking || !isStuck()) return;
    isLooking = true;
    void look();
  });
}

function watchForReturn({ storage, clock, log, pace, onMove }: WatchParts): Ticker {
  return every(PROBE_EVERY_MS, () => {
    if (clock.mono() < pace.waitMs) return;
    void probeWithin(storage.home, RETURN_PATIENCE_MS).then(({ error }) => {
      if (error !== undefined) return;
      log.info({ event: 'storage_works' }, `${storage.home} can be written again; the agent goes back to it`);
      onMove(undefined);
    });
  });
}

/** Writes beside the event loop, which a failing disk would block. */
function probeWithin(folder: string, patienceMs = PROBE_PATIENCE_MS): Promise<Probe> {
  return withDeadline(probe(folder), patienceMs, () => ({ error: 'the disk does not answer', isFull: false }));
}

const PROBE_BYTES = Buffer.alloc(64 * 1024, 1);

async function probe(folder: string): Promise<Probe> {
  const file = join(folder, 'probe');
  try {
    const handle = await open(file, 'w', 0o600);
    try {
      await handle.write(PROBE_BYTES);
      await handle.datasync();
    } finally {
      await handle.close();
    }
    return { error: undefined, isFull: false };
  } catch (error) {
    return { error: messageOf(error), isFull: isNoSpace(error) };
  } finally {
    await rm(file, { force: true }).catch(() => {});
  }
}
