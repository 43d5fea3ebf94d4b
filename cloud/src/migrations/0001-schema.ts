// The first schema. Three tables are inherited from the system's specification (docs/reference/protocol.md): their columns, types and
// names are fixed, and they may exist already. Times in bigint are milliseconds since 1970 by the robot's clock, unless noted.

const INHERITED = `
create table if not exists users (
  id serial primary key,
  phone varchar(20) unique not null,
  hashed_password varchar(255) not null,
  created_at timestamp default current_timestamp
);
create table if not exists system_health (
  id serial primary key,
  power integer not null,
  temperature float not null,
  created_at timestamp default current_timestamp
);
create table if not exists safety_monitor (
  id serial primary key,
  gas varchar(20) not null,
  fire varchar(20) not null,
  fall varchar(20) not null,
  stranger varchar(20) not null,
  created_at timestamp default current_timestamp
);

-- The robot of a row, in tables of their own because the columns above are fixed. A row that is not listed here was reported
-- without a robot. No foreign key: other programs may still empty the inherited tables.
create table system_health_of (
  id integer primary key,
  thing text not null
);
create index system_health_of_thing on system_health_of (thing, id);
create table safety_monitor_of (
  id integer primary key,
  thing text not null
);
create index safety_monitor_of_thing on safety_monitor_of (thing, id);
`;

// Rows are partitioned by the month of their own time, so that a month that is too old is dropped whole. 'at' is part of a row and the
// same at each delivery, so a second delivery meets the first in the same partition. Unreadable rows have no time (0); they and rows
// outside the kept months (a robot with a wrong clock) go to the default partition. received_at is not now(): that is when the
// transaction began, which is before its rows were received.
const ROWS = `
-- A row with a readable seq but unreadable content has 'raw' and the reason in 'unread', and no content.
create table readings (
  thing text not null,
  outbox text not null,
  seq bigint not null,
  at bigint not null default 0,
  channel text,
  value jsonb,
  alert text,
  incident text,
  bad text,
  clock text,
  stamp double precision,
  corrected_at bigint,
  raw text,
  unread text,
  received_at timestamptz not null default clock_timestamp(),
  primary key (thing, outbox, seq, at)
) partition by range (at);
create table readings_default partition of readings default;

-- stored_xid: the transaction that wrote the row, which answers exactly "what is new since that snapshot", whatever the commit order.
create table results (
  thing text not null,
  outbox text not null,
  seq bigint not null,
  at bigint not null default 0,
  id text,
  command text,
  status text,
  reason text,
  detail text,
  applied jsonb,
  corrected_at bigint,
  raw text,
  unread text,
  received_at timestamptz not null default clock_timestamp(),
  stored_xid xid8 default pg_current_xact_id(),
  primary key (thing, outbox, seq, at)
) partition by range (at);
create index results_id on results (thing, id);
create index results_stored on results (thing, stored_xid);
create table results_default partition of results default;

create table events (
  thing text not null,
  outbox text not null,
  seq bigint not null,
  at bigint not null default 0,
  kind text,
  body jsonb,
  corrected_at bigint,
  raw text,
  unread text,
  received_at timestamptz not null default clock_timestamp(),
  primary key (thing, outbox, seq, at)
) partition by range (at);
create index events_kind on events (thing, kind, received_at);
create table events_default partition of events default;

create table poison_messages (
  id bigint generated always as identity primary key,
  received_at timestamptz not null default clock_timestamp(),
  topic text not null,
  thing text,
  reason text not null,
  payload bytea not null
);
`;

const ROBOTS = `
-- One row per outbox. Its row lock is the lock of the coverage. Half of each page stays free because every message updates the row.
create table outboxes (
  thing text not null,
  outbox text not null,
  accepted bigint not null default 0,
  committed int8multirange not null default '{}',
  evicted int8multirange not null default '{}',
  mark_boot bigint,
  mark_ms bigint,
  corrected boolean not null default false,
  closed boolean not null default false,
  last_seq bigint,
  successor text,
  first_seen_at timestamptz not null default clock_timestamp(),
  primary key (thing, outbox)
) with (fillfactor = 50);

create table clock_corrections (
  id bigint generated always as identity primary key,
  thing text not null,
  event_outbox text not null,
  event_seq bigint not null,
  outbox text not null,
  boot bigint not null,
  seqs int8multirange not null,
  offset_ms bigint not null,
  unique (thing, event_outbox, event_seq)
);
create index clock_corrections_outbox on clock_corrections (thing, outbox);

-- silent_after_ms: the robot's own limit for the alert robot_silent. telemetry_every_ms: the interval that the robot reports; a robot
-- over its message budget reports more rarely without being silent. power: as its last presence or last will reported it, which tells
-- an empty battery from a lost network. state_xid: the transaction that last changed the state (see results.stored_xid).
create table robots (
  thing text primary key,
  prefix text not null,
  session text,
  online boolean not null default false,
  session_boot bigint,
  session_ms bigint,
  presence_at bigint,
  version text,
  boot bigint,
  reason text,
  commands jsonb,
  state jsonb not null default '{}',
  state_outbox text,
  state_seq bigint,
  state_boot bigint,
  state_ms bigint,
  safety jsonb,
  safety_filled_ms bigint,
  health_filled_ms bigint,
  last_heard_at timestamptz not null default clock_timestamp(),
  silent_after_ms bigint,
  state_xid xid8,
  telemetry_every_ms bigint,
  power jsonb
) with (fillfactor = 50);

-- One row. An instance that is subscribed updates 'checked_at' every few seconds; a gap means that nobody listened.
create table watch (
  id integer primary key default 1 check (id = 1),
  listening_since timestamptz not null default clock_timestamp(),
  checked_at timestamptz not null default clock_timestamp()
);
insert into watch default values;
`;

const AUTH = `
create table members (
  thing text not null,
  user_id integer not null references users (id) on delete cascade,
  invited_at timestamptz not null default clock_timestamp(),
  primary key (thing, user_id)
);
create index members_user on members (user_id);

-- Names are keyed hashes: the table holds neither phones nor addresses.
create table attempts (
  name text primary key,
  count integer not null,
  resets_at timestamptz not null
);
create index attempts_over on attempts (resets_at);

-- announced_by: the certificate whose key announced this certificate; each certificate may announce one.
create table device_certificates (
  -- SHA-256 of the certificate (DER), base64url, as in x5t#S256.
  fingerprint text primary key,
  thing text not null,
  certificate text not null,
  added_at timestamptz not null default clock_timestamp(),
  revoked_at timestamptz,
  announced_by text
);
create index device_certificates_thing on device_certificates (thing);
create unique index device_certificates_announced_by on device_certificates (announced_by) where announced_by is not null;

create table device_tokens (
  thing text not null,
  jti text not null,
  -- From then on no token with this jti is valid any more, so the row may go.
  forget_at timestamptz not null,
  primary key (thing, jti)
);
create index device_tokens_over on device_tokens (forget_at);
`;

// The times of an alert are filled in one after the other and never emptied; the state is the furthest of them.
const ALERTS = `
create table alerts (
  id bigint generated always as identity primary key,
  thing text not null,
  -- The robot's name for it; if a row has none, outbox/seq of the row that raised it.
  incident text not null,
  channel text not null,
  value jsonb,
  -- By the database's clock if the cloud raised the alert. Null: only its end has arrived yet.
  raised_at bigint,
  committed_at timestamptz not null default clock_timestamp(),
  seen_at timestamptz,
  acknowledged_at timestamptz,
  acknowledged_by integer references users (id) on delete set null,
  resolved_at bigint,
  state text not null generated always as (
    case
      when resolved_at is not null then 'resolved'
      when acknowledged_at is not null then 'acknowledged'
      when seen_at is not null then 'seen'
      else 'committed'
    end) stored,
  changed_xid xid8,
  unique (thing, incident)
);
create index alerts_newest on alerts (thing, id);
create index alerts_open on alerts (thing, channel) where resolved_at is null;
create index alerts_changed on alerts (thing, changed_xid);
create function alert_changed() returns trigger language plpgsql as $$
begin
  new.changed_xid := pg_current_xact_id();
  return new;
end $$;
create trigger alert_changed before insert or update on alerts for each row execute function alert_changed();

create table alert_views (
  alert_id bigint not null references alerts (id) on delete cascade,
  user_id integer not null references users (id) on delete cascade,
  seen_at timestamptz not null default clock_timestamp(),
  primary key (alert_id, user_id)
);
`;

// The result of a command is a row in 'results' with the same thing and id.
const COMMANDS = `
create table commands (
  id text primary key,
  thing text not null,
  command text not null,
  args jsonb not null,
  issued_by integer references users (id) on delete set null,
  -- By the cloud's clock, as sent to the robot.
  issued_at bigint not null,
  expires_at bigint not null,
  -- When the broker acknowledged the command; null: it never did.
  sent_at bigint,
  given_at timestamptz not null default clock_timestamp()
);
create index commands_given on commands (given_at);
`;

// announce_upload is one statement for the caller, since somebody waits for the first picture of a fall. It is volatile plpgsql, so each
// statement in it sees what others committed until the lock was taken.
const UPLOADS = `
create table uploads (
  id text primary key,
  thing text not null,
  kind text not null,
  sha256 text not null,
  size bigint not null,
  content_type text not null,
  object_key text not null unique,
  taken_at bigint not null,
  incident text,
  -- announced: a URL was signed; stored: the store has the object, of that size and hash; failed: it has none, or another object.
  state text not null default 'announced',
  why text,
  -- These five by the cloud's clock.
  announced_at bigint not null,
  signed_at bigint not null,
  claimed_at bigint,
  stored_at bigint,
  check_at bigint,
  unique (thing, kind, sha256)
);
create index uploads_listed on uploads (thing, taken_at desc) where state = 'stored';
create index uploads_incident on uploads (thing, incident) where state = 'stored' and incident is not null;
create index uploads_day on uploads (thing, announced_at);
create index uploads_check on uploads (check_at) where check_at is not null;

create function announce_upload(announced jsonb, day_start bigint, day_bytes bigint, whole_bytes bigint,
  out upload uploads, out is_new boolean, out day bigint, out whole bigint) language plpgsql as $$
declare
  fresh uploads := jsonb_populate_record(null::uploads, announced);
begin
  -- Two requests of one robot at once must not both be the last that fits.
  perform pg_advisory_xact_lock(hashtext('uploads of ' || fresh.thing));
  select * into upload from uploads u where u.thing = fresh.thing and u.kind = fresh.kind and u.sha256 = fresh.sha256;
  if found then
    -- The same bytes are the same upload. A failed upload gets another chance.
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

export const schema = [INHERITED, ROWS, ROBOTS, AUTH, ALERTS, COMMANDS, UPLOADS].join('\n');
