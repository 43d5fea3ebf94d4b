// `elderly-bot outbox`: prints the content of the outbox, whether or not the agent is running. It never modifies the file.
import { join } from 'node:path';
import { codeOf, messageOf, present, print } from '../base/index.ts';
import { AgentError } from '../errors.ts';
import {
  asUnreadable,
  decodeReading,
  isCorruption,
  OUTBOX_FILE,
  OutboxReader,
  type OutboxStats,
  type RowFilter,
  type ShownRow,
  verifyOutbox,
} from '../outbox/index.ts';
import { loadSalvaged, remark } from './shared.ts';

/** `outbox show` prints the body of one row in full. */
const LONGEST = 2_000;

async function withReader(file: string | undefined, work: (reader: OutboxReader) => Promise<number>): Promise<number> {
  const { state_dir: stateDir } = loadSalvaged(file);
  const reader = OutboxReader.open(stateDir);
  try {
    return await work(reader);
  } catch (error) {
    throw asUnreadable(join(stateDir, OUTBOX_FILE), error);
  } finally {
    reader.close();
  }
}

export function stats(file: string | undefined, json: boolean): Promise<number> {
  return withReader(file, async (reader) => {
    const found = reader.stats();
    await present(found, json, describe);
    return 0;
  });
}

export function ls(file: string | undefined, json: boolean, limit: number, filter: RowFilter): Promise<number> {
  return withReader(file, async (reader) => {
    let shown = 0;
    for (const row of reader.rows(filter)) {
      if (++shown > limit) {
        remark(`showed ${limit} rows, there are more: use --limit N or --after SEQ`);
        break;
      }
      await present(row, json, rowLine, LONGEST);
    }
    if (shown === 0) remark('no such rows');
    return 0;
  });
}

export function show(file: string | undefined, json: boolean, seq: number, outbox: string | undefined): Promise<number> {
  return withReader(file, async (reader) => {
    const rows = reader.numbered(seq, outbox);
    if (rows.length === 0) {
      const outboxes = reader.outboxes().filter(({ id }) => outbox === undefined || id === outbox);
      const known = outboxes.map(({ id, accepted }) => `${id} assigned 1 to ${accepted}`).join(', ') || 'there is no outbox with this id';
      throw new AgentError('ROW_NOT_HELD', `the file has no row ${seq} (${known})`, {
        remedy: 'a row with an assigned number is either in the cloud or evicted: elderly-bot outbox stats counts both',
      });
    }
    for (const row of rows) await present(row, json, rowDetails, Number.POSITIVE_INFINITY);
    return 0;
  });
}

/** @returns the exit code: 1 if there are findings, otherwise 0. */
export async function verify(file: string | undefined, json: boolean): Promise<number> {
  const report = async (findings: readonly string[]) => {
    const isOk = findings.length === 0;
    await present({ ok: isOk, findings }, json, (found) => (isOk ? 'ok: all pages and all numbers are correct' : found.findings));
    return isOk ? 0 : 1;
  };
  try {
    return await withReader(file, (reader) => report(verifyOutbox(reader)));
  } catch (error) {
    const { cause } = error as Error;
    // A file that is not a database at all is not a damaged outbox. Its path is probably wrong.
    if (!isCorruption(cause) || codeOf(cause) === 'SQLITE_NOTADB') throw error;
    return report([`pages: ${messageOf(cause)}`]);
  }
}

/** Prints readings as JSON lines, oldest first, for `elderly-bot replay`. */
export function exportReadings(file: string | undefined, filter: RowFilter): Promise<number> {
  return withReader(file, async (reader) => {
    for (const row of reader.rows(filter)) {
      if (row.channel === '') continue;
      const { outbox, seq, at, mono, class: rowClass, channel, body } = row;
      const { value, extra } = decodeReading(body);
      await print(JSON.stringify({ outbox, seq, at, mono, class: rowClass, channel, value, ...extra }));
    }
    return 0;
  });
}

function describe(found: OutboxStats): string[] {
  const mb = (bytes: number) => `${(bytes / 1e6).toFixed(1)} MB`;
  return [
    `${found.file}: ${mb(found.file_bytes)}, ${mb(found.free_bytes)} of it free; WAL ${mb(found.wal_bytes)}; ballast ${mb(found.ballast_bytes)}`,
    ...Object.entries(found.classes).map(([name, { pending, sent, confirmed, oldest_at }]) => {
      const oldest = oldest_at === null ? '' : `, oldest ${new Date(oldest_at).toISOString()}`;
      return `${name.padEnd(10)} ${pending} pending, ${sent} sent${confirmed > 0 ? `, ${confirmed} confirmed` : ''}${oldest}`;
    }),
    ...found.outboxes.map(
      ({ id, accepted, covered, evicted, outstanding }) =>
        `outbox ${id}: ${accepted} accepted = ${covered} covered by receipts, ${evicted} evicted, ${outstanding} outstanding`,
    ),
  ];
}

function rowLine({ outbox, seq, class: rowClass, channel, state, at, body }: ShownRow): string {
  return `${outbox} ${String(seq).padStart(8)} ${rowClass.padEnd(9)} ${state.padEnd(9)} ${new Date(at).toISOString()} ${channel ? `${channel} ` : ''}${body}`;
}

function rowDetails({ outbox, seq, class: rowClass, channel, state, at, mono, trusted, body }: ShownRow): string[] {
  const clock = trusted === false ? ' (the clock was not trusted)' : '';
  const start = mono === null ? '' : `, ${mono} ms after the agent started`;
  return [
    `row ${seq} of outbox ${outbox}: ${channel ? `${rowClass} of channel ${channel}` : rowClass}, ${state}`,
    `  accepted ${new Date(at).toISOString()}${clock}${start}`,
    `  ${body}`,
  ];
}
