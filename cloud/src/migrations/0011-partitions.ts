// Rows by month of their own time, so that a month that is too old is dropped whole. The month is taken from `at`, which is part
// of a row and so the same at each delivery: a second one meets the first in the same partition. What could not be read has no
// time (0), and with what lies in no month that is kept (a robot with a wrong clock) it goes to the default partition.
import { ROW_TABLES, type RowTable } from '../ingest/message.ts';

const COLUMNS: Readonly<Record<RowTable, string>> = {
  readings: `channel text, value jsonb, alert text, incident text, bad text, clock text, stamp double precision`,
  results: `id text, command text, status text, reason text, detail text, applied jsonb`,
  events: `kind text, body jsonb`,
};
const INDEXES: Readonly<Record<RowTable, string>> = {
  readings: '',
  results: 'create index results_id on results (thing, id);',
  events: 'create index events_kind on events (thing, kind, received_at);',
};
/** Of the first tables. Alerts are found in their own table now. */
const OLD_INDEXES = 'drop index readings_alert, results_id, events_kind;';

function partitioned(table: RowTable): string {
  const own = COLUMNS[table]
    .split(', ')
    .map((column) => column.split(' ')[0])
    .join(', ');
  const columns = `thing, outbox, seq, ${own}, corrected_at, raw, unread, received_at`;
  return `
alter table ${table} rename to ${table}_whole;
alter index ${table}_pkey rename to ${table}_whole_pkey;
create table ${table} (
  thing text not null,
  outbox text not null,
  seq bigint not null,
  at bigint not null default 0,
  ${COLUMNS[table]},
  corrected_at bigint,
  raw text,
  unread text,
  received_at timestamptz not null default clock_timestamp(),
  primary key (thing, outbox, seq, at)
) partition by range (at);
${INDEXES[table]}
create table ${table}_default partition of ${table} default;
insert into ${table} (at, ${columns}) select coalesce(at, 0), ${columns} from ${table}_whole;
drop table ${table}_whole;`;
}

export const partitions = `${OLD_INDEXES}${ROW_TABLES.map(partitioned).join('\n')}`;
