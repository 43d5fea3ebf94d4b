// A table for the test write of /healthz.

export const canary = `
create table canary (
  id smallint primary key,
  written_at timestamptz not null
);
`;
