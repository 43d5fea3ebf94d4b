// Commands that members gave. What became of one is the robot's result, which has the same thing and id in `results`.

export const commands = `
create table commands (
  id text primary key,
  thing text not null,
  command text not null,
  args jsonb not null,
  issued_by integer references users (id) on delete set null,
  -- Milliseconds since 1970, as the robot was told.
  issued_at bigint not null,
  expires_at bigint not null,
  -- When the broker had it; null: it never said so.
  sent_at bigint,
  given_at timestamptz not null default clock_timestamp()
);
create index commands_given on commands (given_at);
`;
