// The first schema. docs/reference/protocol.md specifies three inherited tables: their names, columns and types are fixed, and they may
// exist already. Times in bigint are milliseconds since 1970 by the robot's clock, unless noted.

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

-- These tables name the robot of each inherited row. They are separate, because the inherited columns are fixed. A row that is not listed
-- here was reported without a robot. There is no foreign key, because other programs may still empty the inherited tables.
create table system_health_of (id integer primary key, thing text not null);
create index system_health_of_thing on system_health_of (thing, id);
create table safety_monitor_of (id integer primary key, thing text not null);
create index safety_monitor_of_thing on safety_monitor_of (thing, id);
`;

/**
 * A table of the robots' rows, partitioned by the month of the row's own time, so that an old month is dropped as a whole. `at` never
 * changes, so a second delivery meets the first delivery in the same partition. The default partition holds unreadable rows, whose `at`
 * is 0, and rows outside the kept months, from robots with a wrong clock. A row with a readable seq but unreadable content has `raw`,
 * the reason in `unread`, and no content. `received_at` is not now(), because a transaction begins before its rows are received.
 */
const rowTable = (name: string, content: string, more = ''): string => `
create table ${name} (
  thing text not null,
  outbox text not null,
  seq bigint not null,
  at bigint not null default 0,
  ${content},
  corrected_at bigint,
  raw text, unread text,
  received_at timestamptz not null default clock_timestamp(),${more}
  primary key (thing, outbox, seq, at)
) partition by range (at);
create table ${name}_default partition of ${name} default;
`;

const ROWS = `
${rowTable('readings', 'channel text, value jsonb, alert text, incident text, bad text, clock text, stamp double precision')}

-- stored_xid: the transaction that wrote the row. It shows exactly which rows are newer than a snapshot, in any order of commits.
${rowTable('results', 'id text, command text, status text, reason text, detail text, applied jsonb', 'stored_xid xid8 default pg_current_xact_id(),')}
create index results_id on results (thing, id);
create index results_stored on results (thing, stored_xid);

${rowTable('events', 'kind text, body jsonb')}
create index events_kind on events (thing, kind, received_at);

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
-- One row per outbox. The lock of this row also locks the coverage. Half of each page stays free, because every message updates the row.
create table outboxes (
  thing text not null,
  outbox text not null,
  accepted bigint not null default 0,
  committed int8multirange not null default '{}',
  evicted int8multirange not null default '{}',
  mark_boot bigint, mark_ms bigint,
  corrected boolean not null default false,
  closed boolean not null default false,
  last_seq bigint, successor text,
  first_seen_at timestamptz not null default clock_timestamp(),
  primary key (thing, outbox)
) with (fillfactor = 50);

create table clock_corrections (
  id bigint generated always as identity primary key,
  thing text not null,
  event_outbox text not null, event_seq bigint not null,
  outbox text not null,
  boot bigint not null,
  seqs int8multirange not null,
  offset_ms bigint not null,
  unique (thing, event_outbox, event_seq)
);
create index clock_corrections_outbox on clock_corrections (thing, outbox);

create table robots (
  thing text primary key,
  prefix text not null,
  -- The presence. power distinguishes an empty battery from a lost network.
  session text, online boolean not null default false, session_boot bigint, session_ms bigint, presence_at bigint,
  version text, boot bigint, reason text, commands jsonb,
  state jsonb not null default '{}',
  state_outbox text, state_seq bigint, state_boot bigint, state_ms bigint,
  -- The latest rows in the inherited tables.
  safety jsonb, safety_filled_ms bigint, health_filled_ms bigint,
  last_heard_at timestamptz not null default clock_timestamp(),
  -- The robot's own limit for the alert robot_silent.
  silent_after_ms bigint,
  -- The transaction that last changed the state (see results.stored_xid).
  state_xid xid8,
  -- The interval that the robot announces. A robot over its message budget reports more rarely without being silent.
  telemetry_every_ms bigint,
  power jsonb
) with (fillfactor = 50);

-- One row. A subscribed instance updates checked_at every few seconds. A gap means that no instance received messages.
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

-- Each name is a keyed hash, so the table contains neither phone numbers nor addresses.
create table attempts (
  name text primary key,
  count integer not null,
  resets_at timestamptz not null
);
create index attempts_over on attempts (resets_at);

create table device_certificates (
  -- SHA-256 of the certificate (DER), base64url, as in x5t#S256.
  fingerprint text primary key,
  thing text not null,
  certificate text not null,
  added_at timestamptz not null default clock_timestamp(),
  revoked_at timestamptz,
  -- The certificate whose key announced this certificate. Each certificate may announce one other.
  announced_by text
);
create index device_certificates_thing on device_certificates (thing);
create unique index device_certificates_announced_by on device_certificates (announced_by) where announced_by is not null;

create table device_tokens (
  thing text not null,
  jti text not null,
  -- After this time no token with this jti is valid, so the row may be deleted.
  forget_at timestamptz not null,
  primary key (thing, jti)
);
create index device_tokens_over on device_tokens (forget_at);
`;

const ALERTS = `
create table alerts (
  id bigint generated always as identity primary key,
  thing text not null,
  -- The robot's name for the incident. If the raising row has no name, its outbox/seq.
  incident text not null,
  channel text not null,
  value jsonb,
  -- By the database's clock if the cloud raised the alert. Null if only the end of the alert has arrived yet.
  raised_at bigint,
  committed_at timestamptz not null default clock_timestamp(),
  seen_at timestamptz,
  acknowledged_at timestamptz,
  acknowledged_by integer references users (id) on delete set null,
  resolved_at bigint,
  -- The times above are set one after the other and never cleared. The state is the latest step.
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

const COMMANDS = `
-- The result of a command is the row in results with the same thing and id.
create table commands (
  id text primary key,
  thing text not null,
  command text not null,
  args jsonb not null,
  issued_by integer references users (id) on delete set null,
  -- By the cloud's clock, as sent to the robot.
  issued_at bigint not null,
  expires_at bigint not null,
  -- When the broker acknowledged the command. Null if it never did.
  sent_at bigint,
  given_at timestamptz not null default clock_timestamp()
);
create index commands_given on commands (given_at);
`;

/**
 * announce_upload is a single statement for the caller, because a family member may be waiting for the first picture of a fall. It is
 * volatile plpgsql, so each statement inside sees everything that other sessions committed before it got the lock.
 */
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
  -- announced: the URL was signed. stored: the store has the object with this size and hash. failed: it has no object or a different one.
  state text not null default 'announced',
  why text,
  -- The next five times are by the cloud's clock.
  announced_at bigint not null,
  signed_at bigint not null,
  claimed_at bigint, stored_at bigint, check_at bigint,
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
