// Adds when an instance was behind, since when a robot has its latest mark, and the robot to which a topic prefix belongs.

export const bindings = `
-- An instance whose messages wait says so here. Robots may then seem silent that are not.
alter table watch add column behind_at timestamptz;
-- When the robot's latest mark came. A mark that no later message exceeds expires.
alter table robots add column marked_at bigint;
-- Whether the robot was the first on its topic prefix. Routes without ?thing= ignore other robots on that prefix.
alter table robots add column owns_prefix boolean not null default true;
create index robots_prefix on robots (prefix);
update robots r set owns_prefix = false where exists (
  select from robots other where other.prefix = r.prefix and other.thing <> r.thing
    and (select min(first_seen_at) from outboxes where thing = other.thing) < (select min(first_seen_at) from outboxes where thing = r.thing));
`;
