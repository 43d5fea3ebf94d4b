// Lets the cloud notice that the database was restored into another cluster, whose transactions have other numbers.
export const origin = `
-- The cluster in which the rows were last written, and the latest transaction that is known there.
create table database_origin (
  is_only boolean primary key default true check (is_only),
  system_identifier text,
  xid xid8 not null,
  -- How often the database was restored into another cluster.
  epoch integer not null default 0
);
insert into database_origin (xid) values (pg_current_xact_id());
create or replace function alert_changed() returns trigger language plpgsql as $$
begin
  -- After a restore the number is removed, which is no change of the alert.
  if tg_op = 'UPDATE' and old.changed_xid is not null and new.changed_xid is null then return new; end if;
  new.changed_xid := pg_current_xact_id();
  return new;
end $$;
`;
