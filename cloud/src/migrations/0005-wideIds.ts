// Widens the ids of the inherited tables that grow. With a row for each robot and minute, 50,000 robots use up the ids of type integer in 30
// days. An older instance reads and writes the wider ids unchanged.

const widen = (table: string): string => `
alter table ${table} alter column id type bigint;
alter table ${table}_of alter column id type bigint;
do $$
declare
  -- Null if the table does not own the sequence. A sequence made by itself is as wide as bigint.
  own text := pg_get_serial_sequence('${table}', 'id');
begin
  if own is not null and (select attidentity from pg_attribute where attrelid = '${table}'::regclass and attname = 'id') = '' then
    execute 'alter sequence ' || own || ' as bigint';
  end if;
end $$;
`;

export const wideIds = ['system_health', 'safety_monitor'].map(widen).join('');
