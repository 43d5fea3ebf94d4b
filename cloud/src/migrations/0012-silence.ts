// What the alert robot_silent is judged by: when a robot itself was last heard, and since when this cloud has been listening.

export const silence = `
alter table robots rename column last_message_at to last_heard_at;
alter table robots add column silent_after_ms bigint;

-- One row. 'checked_at' goes on as long as an instance with a broker looks; a gap in it means that nobody listened.
create table watch (
  id integer primary key default 1 check (id = 1),
  listening_since timestamptz not null default clock_timestamp(),
  checked_at timestamptz not null default clock_timestamp()
);
insert into watch default values;
`;
