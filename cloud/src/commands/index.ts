export { argument, Commands, commandId, commandState, issuedCommand, type SignedFields } from './commands.ts';
