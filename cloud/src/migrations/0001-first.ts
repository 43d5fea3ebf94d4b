// The first tables: three that are given by the system's specification (columns, types and names; they may stand there
// already), and ours: what each robot's outboxes have delivered, its rows, its state, and what could not be read.

export const first = `
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

-- One row an outbox, whose row lock is the lock of its coverage. Half of each page is kept free: every message updates it.
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
  first_seen_at timestamptz not null default now(),
  primary key (thing, outbox)
) with (fillfactor = 50);

-- A row whose seq could be read but whose content could not has 'raw' and the reason in 'unread', and no content.
create table readings (
  thing text not null,
  outbox text not null,
  seq bigint not null,
  at bigint,
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
  received_at timestamptz not null default now(),
  primary key (thing, outbox, seq)
);
create index readings_alert on readings (thing, received_at) where alert is not null;

create table results (
  thing text not null,
  outbox text not null,
  seq bigint not null,
  at bigint,
  id text,
  command text,
  status text,
  reason text,
  detail text,
  applied jsonb,
  corrected_at bigint,
  raw text,
  unread text,
  received_at timestamptz not null default now(),
  primary key (thing, outbox, seq)
);
create index results_id on results (thing, id);

create table events (
  thing text not null,
  outbox text not null,
  seq bigint not null,
  at bigint,
  kind text,
  body jsonb,
  corrected_at bigint,
  raw text,
  unread text,
  received_at timestamptz not null default now(),
  primary key (thing, outbox, seq)
);
create index events_kind on events (thing, kind, received_at);

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
  last_message_at timestamptz not null default now()
) with (fillfactor = 50);

create table poison_messages (
  id bigint generated always as identity primary key,
  received_at timestamptz not null default now(),
  topic text not null,
  thing text,
  reason text not null,
  payload bytea not null
);
`;
