// Who may see which robot, how often somebody tried, and by which certificates robots sign.

export const auth = `
create table members (
  thing text not null,
  user_id integer not null references users (id) on delete cascade,
  invited_at timestamptz not null default clock_timestamp(),
  primary key (thing, user_id)
);
create index members_user on members (user_id);

-- Names are keyed hashes: neither phones nor addresses stand here.
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
  revoked_at timestamptz
);
create index device_certificates_thing on device_certificates (thing);

create table device_tokens (
  thing text not null,
  jti text not null,
  -- When it may be forgotten: no token of that name is good any more.
  forget_at timestamptz not null,
  primary key (thing, jti)
);
create index device_tokens_over on device_tokens (forget_at);
`;
