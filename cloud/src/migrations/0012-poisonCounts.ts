// Counts the messages of each source that could not be stored, so that one source cannot fill the disk with them.

export const poisonCounts = `
create table poison_counts (
  -- The thing, else the topic prefix.
  source text not null,
  hour timestamptz not null,
  count bigint not null,
  primary key (source, hour)
);
`;
