// Alerts as the family sees them: from the robot's rows that raise and clear them, and the cloud's own (robot_silent). An
// alert's states are times that are filled in one after the other and never emptied; the state is the furthest of them.

export const alerts = `
create table alerts (
  id bigint generated always as identity primary key,
  thing text not null,
  -- The robot's name for it; where a row has none, outbox/seq of the row that raised it.
  incident text not null,
  channel text not null,
  value jsonb,
  -- Milliseconds since 1970 by the robot's clock, or by the database's where the cloud raised it. Null: only its end is here yet.
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
  unique (thing, incident)
);
create index alerts_newest on alerts (thing, id);
create index alerts_open on alerts (thing, channel) where resolved_at is null;

create table alert_views (
  alert_id bigint not null references alerts (id) on delete cascade,
  user_id integer not null references users (id) on delete cascade,
  seen_at timestamptz not null default clock_timestamp(),
  primary key (alert_id, user_id)
);

-- now() is when the transaction began, which is before what it stores was even received.
alter table readings alter column received_at set default clock_timestamp();
alter table results alter column received_at set default clock_timestamp();
alter table events alter column received_at set default clock_timestamp();
alter table poison_messages alter column received_at set default clock_timestamp();
alter table outboxes alter column first_seen_at set default clock_timestamp();
alter table robots alter column last_message_at set default clock_timestamp();
`;
