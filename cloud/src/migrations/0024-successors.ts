// Which certificate announced this one, with its key: each may announce one.

export const successors = `
alter table device_certificates add column announced_by text;
create unique index device_certificates_announced_by on device_certificates (announced_by) where announced_by is not null;
`;
