// The key by which a member's app names a command, so that a repeated request gives no second command.

export const keys = `
alter table commands add column idempotency_key text;
create unique index commands_key on commands (issued_by, idempotency_key) where idempotency_key is not null;
`;
