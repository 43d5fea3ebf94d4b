// Widens the ids of the inherited tables that grow. With a row for each robot and minute, 50,000 robots use up the ids of type integer in 30
// days. An older instance reads and writes the wider ids unchanged.

const widen = (table: string): string => `
alter table ${table} alter column id type bigint;
alter table ${table}_of alter column id type bigint;
do $$
declare
  -- Also a sequence that the table does not own. An identity column has no default, and its sequence is widened with it.
  used text := (
    select s.oid::regclass from pg_attrdef d
    join pg_attribute a on a.attrelid = d.adrelid and a.attnum = d.adnum
    join pg_depend n on n.classid = 'pg_attrdef'::regclass and n.objid = d.oid and n.refclassid = 'pg_class'::regclass
    join pg_class s on s.oid = n.refobjid and s.relkind = 'S'
    where d.adrelid = '${table}'::regclass and a.attname = 'id');
begin
  if used is not null then execute 'alter sequence ' || used || ' as bigint'; end if;
end $$;
`;

export const wideIds = ['system_health', 'safety_monitor'].map(widen).join('');
