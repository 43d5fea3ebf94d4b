// Adds a way around the default partition while a month is made, and names the rows that were promised to stay for ever.

export const tables = `
-- Stores a new row in a partition that is not attached yet, instead of the default partition.
create function divert_row() returns trigger language plpgsql as $$
begin
  execute format('insert into %I select ($1).* on conflict do nothing', tg_argv[0]) using new;
  return null;
end $$;

-- Earlier versions kept these rows unless RETENTION named their table.
create table promised_rows (
  target text primary key,
  last_id bigint not null
);
insert into promised_rows
  select 'system_health', max(id) from system_health having max(id) is not null union all
  select 'safety_monitor', max(id) from safety_monitor having max(id) is not null;

-- The last row of system_health. Null if an earlier version wrote it.
alter table robots add column health jsonb;
`;
