// What robots upload to the object store: announced when a URL was given, stored once the store itself was asked.

export const uploads = `
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
  -- announced: a URL was given; stored: the store has it, of that size and hash; failed: it has not, or something else.
  state text not null default 'announced',
  why text,
  -- Milliseconds since 1970, as the contract's times.
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
`;
