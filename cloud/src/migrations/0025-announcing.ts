// An upload is announced in one statement: whoever fell is not to wait for six. Volatile and in plpgsql, so each statement in it sees
// what others committed until the lock was had.

export const announcing = `
create function announce_upload(announced jsonb, day_start bigint, day_bytes bigint, whole_bytes bigint,
  out upload uploads, out is_new boolean, out day bigint, out whole bigint) language plpgsql as $$
declare
  fresh uploads := jsonb_populate_record(null::uploads, announced);
begin
  -- Two requests of one robot at once must not both be the last that fits.
  perform pg_advisory_xact_lock(hashtext('uploads of ' || fresh.thing));
  select * into upload from uploads u where u.thing = fresh.thing and u.kind = fresh.kind and u.sha256 = fresh.sha256;
  if found then
    -- The same bytes once more: the same upload. One that was given up gets another chance.
    is_new := false;
    update uploads u set state = 'announced', signed_at = fresh.signed_at, check_at = fresh.check_at
      where u.id = upload.id and u.state <> 'stored' and u.size = fresh.size;
    return;
  end if;
  select coalesce(sum(u.size) filter (where u.announced_at >= day_start), 0),
      coalesce(sum(u.size) filter (where u.kind = fresh.kind and u.taken_at = fresh.taken_at), 0)
    into day, whole
    from uploads u where u.thing = fresh.thing and (u.announced_at >= day_start or (u.kind = fresh.kind and u.taken_at = fresh.taken_at));
  if day + fresh.size <= day_bytes and (whole_bytes is null or whole + fresh.size <= whole_bytes) then
    insert into uploads select (fresh).* returning * into upload;
    is_new := true;
  end if;
end $$;
`;
