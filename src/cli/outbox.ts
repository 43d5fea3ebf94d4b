// `elderly-bot outbox`: what the queue holds, beside a running agent or without one. Nothing is written.
import { print } from '../base/index.ts';
import { AgentError } from '../errors.ts';
import { decodeReading, OutboxReader, type OutboxStats, type RowFilter, type ShownRow, verifyOutbox } from '../outbox/index.ts';
import { salvaged } from './salvaged.ts';

async function reading<T>(file: string | undefined, work: (reader: OutboxReader) => T | Promise<T>): Promise<T> {
  const reader = OutboxReader.open(salvaged(file).state_dir);
  try {
    return await work(reader);
  } finally {
    reader.close();
  }
}

export function stats(file: string | undefined, json: boolean): Promise<number> {
  return reading(file, (reader) => {
    const found = reader.stats();
    process.stdout.write(json ? `${JSON.stringify(found)}\n` : describe(found));
    return 0;
  });
}

export function ls(file: string | undefined, json: boolean, limit: number, filter: RowFilter): Promise<number> {
  return reading(file, async (reader) => {
    let shown = 0;
    for (const row of reader.rows(filter)) {
      if (++shown > limit) {
        process.stderr.write(`elderly-bot: ${limit} rows shown, there are more; --limit N, or --after SEQ\n`);
        break;
      }
      await print(json ? JSON.stringify(row) : line(row));
    }
    if (shown === 0) process.stderr.write('elderly-bot: no such rows\n');
    return 0;
  });
}

export function show(file: string | undefined, json: boolean, seq: number, outbox: string | undefined): Promise<number> {
  return reading(file, async (reader) => {
    const rows = reader.numbered(seq, outbox);
    if (rows.length === 0) {
      const outboxes = reader.outboxes().filter(({ id }) => outbox === undefined || id === outbox);
      const known = outboxes.map(({ id, accepted }) => `${id} gave 1 to ${accepted}`).join(', ') || 'no outbox of that name';
      throw new AgentError('ROW_NOT_HELD', `no row ${seq} is held here (${known})`, {
        remedy: 'a number that was given is with the cloud or was given up: elderly-bot outbox stats counts both',
      });
    }
    for (const row of rows) await print(json ? JSON.stringify(row) : details(row));
    return 0;
  });
}

/** @returns 1 when something is wrong. */
export function verify(file: string | undefined, json: boolean): Promise<number> {
  return reading(file, async (reader) => {
    const found = verifyOutbox(reader);
    if (json) await print(JSON.stringify({ ok: found.length === 0, findings: found }));
    else for (const each of found.length > 0 ? found : ['ok: every page, every number']) await print(each);
    return found.length === 0 ? 0 : 1;
  });
}

/** Readings as JSON lines, oldest first; `elderly-bot replay` reads them. */
export function exportReadings(file: string | undefined, filter: RowFilter): Promise<number> {
  return reading(file, async (reader) => {
    for (const row of reader.rows(filter)) {
      if (row.channel === '') continue;
      const { outbox, seq, at, mono, class: rowClass, channel, body } = row;
      const { value, extra } = decodeReading(body);
      await print(JSON.stringify({ outbox, seq, at, mono, class: rowClass, channel, value, ...extra }));
    }
    return 0;
  });
}

function describe(found: OutboxStats): string {
  const mb = (bytes: number) => `${(bytes / 1e6).toFixed(1)} MB`;
  const lines = [
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
  return `${lines.join('\n')}\n`;
}

function line({ outbox, seq, class: rowClass, channel, state, at, body }: ShownRow): string {
  return `${outbox} ${String(seq).padStart(8)} ${rowClass.padEnd(9)} ${state.padEnd(9)} ${new Date(at).toISOString()} ${channel ? `${channel} ` : ''}${body}`;
}

function details({ outbox, seq, class: rowClass, channel, state, at, mono, trusted, body }: ShownRow): string {
  const clock = trusted === false ? ' (the clock was not trusted)' : '';
  const since = mono === null ? '' : `, ${mono} ms after its start`;
  return `row ${seq} of outbox ${outbox}: ${rowClass}${channel ? ` of channel ${channel}` : ''}, ${state}\n  taken ${new Date(at).toISOString()}${clock}${since}\n  ${body}`;
}
