// Adopts inherited tables that another program made without the defaults and keys on which the cloud relies. It runs before the first schema,
// whose tables refer to them. It locks and changes nothing that is complete, because it also runs on databases of earlier versions.

const TABLES = ['users', 'system_health', 'safety_monitor'];

const hasUnique = (table: string, column: string): string => `exists (
    select from pg_index i join pg_attribute a on a.attrelid = i.indrelid and a.attnum = i.indkey[0]
    where i.indrelid = '${table}'::regclass and i.indisunique and i.indnatts = 1 and i.indpred is null and a.attname = '${column}'
  )`;

const hasDefault = (table: string, column: string): string => `exists (
    select from pg_attribute where attrelid = '${table}'::regclass and attname = '${column}' and (atthasdef or attidentity <> '')
  )`;

const adoptTable = (table: string): string => `
do $$
begin
  if to_regclass('${table}') is null then return; end if;
  if not ${hasUnique(table, 'id')} then
    alter table ${table} add primary key (id);
  end if;
  if not ${hasDefault(table, 'id')} then
    create sequence ${table}_ids as integer owned by ${table}.id;
    alter table ${table} alter column id set default nextval('${table}_ids');
    perform setval('${table}_ids', (select coalesce(max(id), 0) + 1 from ${table}), false);
  end if;
  if not ${hasDefault(table, 'created_at')} then
    alter table ${table} alter column created_at set default current_timestamp;
  end if;
end $$;
`;

export const adopt = `${TABLES.map(adoptTable).join('')}
do $$
begin
  if to_regclass('users') is null then return; end if;
  if not ${hasUnique('users', 'phone')} then
    if exists (select from users group by phone having count(*) > 1) then
      raise exception 'several rows of users have the same phone: ids %; keep one of each, and start again', (
        select string_agg(ids, ' and ') from (
          select string_agg(id::text, ', ' order by id) as ids from users group by phone having count(*) > 1 order by min(id) limit 10) as d);
    end if;
    alter table users add unique (phone);
  end if;
end $$;
`;
