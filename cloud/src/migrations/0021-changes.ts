// By which transaction a row last changed, so that "what is new since that snapshot" can be asked exactly, whatever commits in which
// order and through which instance. Rows from before have none: they are never new.

export const changes = `
alter table robots add column state_xid xid8;

alter table results add column stored_xid xid8;
alter table results alter column stored_xid set default pg_current_xact_id();
create index results_stored on results (thing, stored_xid);

alter table alerts add column changed_xid xid8;
create index alerts_changed on alerts (thing, changed_xid);
create function alert_changed() returns trigger language plpgsql as $$
begin
  new.changed_xid := pg_current_xact_id();
  return new;
end $$;
create trigger alert_changed before insert or update on alerts for each row execute function alert_changed();
`;
