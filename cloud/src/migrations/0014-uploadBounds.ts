// Bounds the number of uploads that a robot announces, beside their bytes. Earlier programs still call announce_upload.

export const uploadBounds = `
create index uploads_open on uploads (thing) where state = 'announced';

create function admit_upload(announced jsonb, day_start bigint, day_bytes bigint, whole_bytes bigint,
  day_count bigint, open_count bigint, open_bytes bigint,
  out upload uploads, out is_new boolean, out day bigint, out whole bigint, out crowded text) language plpgsql as $$
declare
  fresh uploads := jsonb_populate_record(null::uploads, announced);
  known text;
  opened record;
  answer record;
begin
  perform pg_advisory_xact_lock(hashtext('uploads of ' || fresh.thing));
  select u.state into known from uploads u where u.thing = fresh.thing and u.kind = fresh.kind and u.sha256 = fresh.sha256;
  -- A failed upload is opened again, so it counts as an open one, but not as another one of the day.
  if known is null or known = 'failed' then
    select count(*) as count, coalesce(sum(u.size), 0) as bytes into opened from uploads u where u.thing = fresh.thing and u.state = 'announced';
    if opened.count >= open_count or opened.bytes + fresh.size > open_bytes then
      crowded := 'open';
      return;
    end if;
  end if;
  if known is null and (select count(*) from uploads u where u.thing = fresh.thing and u.announced_at >= day_start) >= day_count then
    crowded := 'day';
    return;
  end if;
  select * into answer from announce_upload(announced, day_start, day_bytes, whole_bytes);
  upload := answer.upload;
  is_new := answer.is_new;
  day := answer.day;
  whole := answer.whole;
end $$;
`;
