// Which robot a row of the two given tables is of: beside them, since their columns are given. A row that is not named here was
// reported by somebody who named none. No foreign key: the given tables stay free to be emptied by others, as they always were.

export const monitors = `
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
