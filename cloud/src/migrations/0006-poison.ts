// Alerts that could not be read, and the rows that wait for the two inherited tables.

export const poison = `
-- Why the alert could not be read. Null if it was read.
alter table alerts add column unread text;

-- Rows for system_health and safety_monitor. Only tables of the cloud itself are written in the transaction of a message, because other
-- programs may lock, exhaust or constrain the inherited tables.
create table monitor_due (
  id bigint generated always as identity primary key,
  thing text not null,
  target text not null,
  content jsonb not null,
  queued_at timestamptz not null default clock_timestamp()
);
`;
